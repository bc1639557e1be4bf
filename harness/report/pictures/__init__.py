"""Every picture that a report can show: one declaration in one file each."""

from harness.registry import Registry
from harness.report.pictures.picture import DETAILS, OVERVIEW, Picture

REGISTRY = Registry("pictures", package=__name__, shape=Picture, name_of=lambda picture: picture.name)


def all_pictures() -> tuple[Picture, ...]:
    """Return all pictures in the order in which pages show them."""
    return tuple(sorted(REGISTRY.own.values(), key=lambda picture: (picture.position, picture.name)))


def pictures_of(place: str) -> tuple[Picture, ...]:
    """Return the pictures of one place: a part of the report, or a notebook."""
    return tuple(picture for picture in all_pictures() if place in picture.places)


__all__ = ["DETAILS", "OVERVIEW", "REGISTRY", "Picture", "all_pictures", "pictures_of"]
