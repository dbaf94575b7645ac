"""Splits that keep groups together and shares of labels alike."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence


def split_groups(
    groups: Sequence[Sequence[int]], features: Sequence[set[Hashable]], shares: Mapping[str, float], seed: int
) -> dict[str, list[int]]:
    """Divide items among splits: a group stays whole, and every feature is shared out as the shares say.

    The rarest feature is shared out first, each of its groups to the split that lacks most of it (iterative
    stratification, Sechidis et al. 2011, https://doi.org/10.1007/978-3-642-23808-6_10, with groups for items).

    Args:
        groups: indices of items; every item is in one group.
        features: of each item, such as its labels and language.
        shares: of the items, by split; they add up to 1.
        seed: of the order among groups that are alike.

    Returns:
        Indices by split, ascending.

    Examples:
        >>> made = split_groups([[0, 1], [2], [3]], [{"PER"}] * 4, {"train": 0.5, "test": 0.5}, seed=1)
        >>> sorted(made["train"] + made["test"]), len(made["train"])
        ([0, 1, 2, 3], 2)
    """
    draw = random.Random(seed)
    order = sorted(range(len(groups)), key=lambda number: (-len(groups[number]), draw.random()))
    counts = {number: Counter(feature for item in groups[number] for feature in features[item]) for number in order}
    totals: Counter[Hashable] = Counter()
    holders: dict[Hashable, list[int]] = {}
    for number in order:
        totals.update(counts[number])
        for feature in counts[number]:
            holders.setdefault(feature, []).append(number)
    items = sum(map(len, groups))
    wanted = {
        split: Counter({feature: share * total for feature, total in totals.items()}) for split, share in shares.items()
    }
    room = {split: share * items for split, share in shares.items()}
    placed: dict[int, str] = {}

    def place(number: int, feature: Hashable) -> None:
        split = max(shares, key=lambda name: (wanted[name][feature], room[name], draw.random()))
        placed[number] = split
        wanted[split].subtract(counts[number])
        room[split] -= len(groups[number])

    for feature in sorted(holders, key=lambda name: (totals[name], str(name))):
        for number in holders[feature]:
            if number not in placed:
                place(number, feature)
    for number in order:
        if number not in placed:
            place(number, None)
    return {
        split: sorted(item for number, own in placed.items() if own == split for item in groups[number])
        for split in shares
    }
