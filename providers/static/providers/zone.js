// Tells the site in which zone the clock of this browser is, so that pages show the times of its clock.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const { path } = document.currentScript.dataset;
document.cookie = `browser_zone=${encodeURIComponent(zone)}; path=${path}; max-age=31536000; samesite=lax`;
