"""Every list of agents, networks and parameters is cut in two by hash: those who write rules may look at half a only."""

import hashlib

known = {}


def part(half, name, items):
    """The items of one half ("a", "b", or None for both), by the list's name."""
    size, found = known.get((half, name), (None, None))
    if found is None:
        size, found = known[half, name] = len(items), cut(half, name, items)
    assert size == len(items), f"two lists have the name {name}"
    return found


def cut(half, name, items):
    """A list of one is in both halves: there is nothing to set aside."""
    items = list(dict.fromkeys(items))
    if half is None or len(items) == 1:
        return items
    ranked = sorted(items, key=lambda item: hashlib.sha256(f"{name}|{item}".encode()).digest())
    middle = (len(ranked) + 1) // 2
    return ranked[:middle] if half == "a" else ranked[middle:]
