"""What a provider's author, the demo and this project's own tests need: simulated services, ways to reach them."""
