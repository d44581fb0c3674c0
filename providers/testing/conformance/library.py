"""A library told page by page."""

from collections import Counter
from collections.abc import Callable

from providers.contracts import LibraryLister
from providers.testing.conformance.assertions import assert_normalised
from providers.testing.conformance.kit import Kit, Trouble, every_bad_answer, wanted


class LibraryListerConformance(Kit):
    """For a `LibraryLister`."""

    library = wanted("a list of the ids of all songs that the service has for the person, two pages or more")

    def test_the_whole_library_is_listed_once(self, provider: LibraryLister, library: list[str]) -> None:
        listed = Counter(track.id for page in provider.iter_library() for track in page)
        assert listed == Counter(library), (
            f"of {len(library)} songs {listed.total()} were listed, {len(listed)} of them once"
        )

    def test_the_library_comes_page_by_page(
        self, provider: LibraryLister, library: list[str], requests_made: Callable[[], int]
    ) -> None:
        before = requests_made()
        pages = list(provider.iter_library())
        assert all(pages), "the library has an empty page"
        assert 1 < len(pages) <= requests_made() - before, f"the library came in {len(pages)} pages"

    def test_the_library_may_be_listed_again(self, provider: LibraryLister, library: list[str]) -> None:
        first, again = (sum(map(len, provider.iter_library())) for _ in range(2))
        assert again == first, f"listed again, {first} songs became {again}"

    def test_songs_are_normalised(self, provider: LibraryLister, library: list[str], secrets: list[str]) -> None:
        for page in provider.iter_library():
            for track in page:
                assert_normalised(track, secrets)

    @every_bad_answer
    def test_a_bad_answer_to_the_library_is_a_named_error(
        self,
        provider: LibraryLister,
        trouble: Trouble,
        kind: str,
    ) -> None:
        trouble.begin(kind)
        trouble.assert_named(lambda: list(provider.iter_library()))
