"""Which models of a repository are needed for the levels that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ggufeval.catalog.repository import FULL_PRECISION, HubModel, Listing
from ggufeval.errors import ModelError, UnavailableError, UnreachableError, UsageError


def needed(
    listing: Listing,
    wanted: Sequence[str],
    makeable: Collection[str],
    is_made: Callable[[HubModel, str], bool],
    *,
    offline: bool,
) -> tuple[list[HubModel], str]:
    """Those levels themselves, and where the repository lacks one, what it is made from; and what
    is to be said of that, or ''.

    `is_made` says whether that was done already. Raises UsageError for a level that is not there
    and cannot be made, UnavailableError or UnreachableError where it may be on the hub, which was
    not asked.
    """
    found = {quantization.upper(): listing.of(quantization) for quantization in wanted}
    lacking = [quantization for quantization, model in found.items() if model is None]
    for quantization in lacking:
        if quantization not in makeable:
            raise UsageError(
                f"{listing.place} has no {quantization}, and llama.cpp knows no such "
                f"quantization. There are {listing.offers}."
            )
    models = [model for model in found.values() if model is not None]
    if not lacking:
        return models, ""
    # The one that is wanted anyway, if one is; `sweep` takes the largest of those too.
    fetched = [model for model in models if model.quantization in FULL_PRECISION]
    full = max(fetched, key=lambda m: m.size_bytes) if fetched else listing.full_precision()
    if full is None and not listing.absence:
        raise UnavailableError(
            f"{listing.place} has no {', '.join(lacking)}, and no F16, BF16 or F32 to make it "
            f"from. There are {listing.offers}; {listing.repository}/FILE.gguf with --quants "
            "makes levels of any file."
        )
    base = full or max(listing.models, key=lambda model: model.size_bytes)
    unmade = [quantization for quantization in lacking if not is_made(base, quantization)]
    if unmade and listing.absence and not (full and offline):
        raise _not_made(listing, unmade, full, offline=offline)
    models = list(dict.fromkeys([*models, base]))
    if not unmade:
        return models, ""
    origin = base.quantization or base.files[0].name
    return models, f"{listing.place} has no {', '.join(unmade)}: to be made from its {origin}."


def _not_made(
    listing: Listing, lacking: Sequence[str], full: HubModel | None, *, offline: bool
) -> ModelError:
    """The hub may have it, quantized in another way than ours would be."""
    reason = (
        f"{listing.place} has no {', '.join(lacking)}, only {listing.offers}; and {listing.absence}"
    )
    if offline:
        return UnavailableError(f"{reason}. Run once with a network, or ask for other levels.")
    otherwise = f"with --offline to make it from the {full.quantization}, or " if full else ""
    advice = f"Run again later, or {otherwise}ask for other levels."
    return UnreachableError(reason, advice)
