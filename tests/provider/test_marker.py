"""Names that travel in text."""

from hypothesis import given
from hypothesis import strategies as st

from harness.provider.marker import Marker, find_attempts, find_request, name_attempt

IDS = st.integers(1, 10**7).map(lambda n: f"req-{n:06d}")
TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=8, max_size=8)


@given(
    markers=st.lists(st.builds(Marker, IDS, TOKENS), max_size=4),
    filling=st.lists(st.text("[] ab-0", max_size=12), min_size=5, max_size=5),
)
def test_the_last_marker_counts(markers: list[Marker], filling: list[str]) -> None:
    """Whatever is around it, the last whole marker of a body is the one that is found."""
    text = filling[0] + "".join(f"{marker}{between}" for marker, between in zip(markers, filling[1:], strict=False))
    assert find_request(text.encode()) == (markers[-1] if markers else None)


@given(number=st.integers(1, 99))
def test_an_attempt_named_in_text_is_found(number: int) -> None:
    """A name that is written is read back, each time it occurs."""
    name = f"req-000001.open-ai_2.{number}"
    assert find_attempts(f"x{name_attempt(name)} and {name_attempt(name)}") == (name, name)
