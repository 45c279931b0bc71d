"""A dictionary that shares what it holds with its copies behaves as a dictionary; a copy costs what was written."""

from __future__ import annotations

import random

import pytest

from notebook_doc.shared_dict import SharedDict


@pytest.mark.parametrize("seed", range(20))
def test_copies_of_copies_are_written_independently_as_dictionaries_are(seed: int) -> None:
    chance = random.Random(seed)
    pairs: list[tuple[SharedDict[int, int], dict[int, int]]] = [
        (SharedDict({n: n for n in range(100)}), {n: n for n in range(100)})
    ]
    for step in range(2_000):
        number = chance.randrange(len(pairs))
        shared, plain = pairs[number]
        key = chance.randrange(130)
        match chance.randrange(6):
            case 0 | 1:
                shared[key] = plain[key] = step
            case 2:
                assert shared.pop(key, None) == plain.pop(key, None)
            case 3:
                assert shared.setdefault(key, step) == plain.setdefault(key, step)
            case 4:
                copied = shared.copy(), plain.copy()
                if len(pairs) < 6:
                    pairs.append(copied)
                else:
                    pairs[chance.randrange(6)] = copied
            case _:
                assert (key in shared, shared.get(key, -1), len(shared)) == (
                    key in plain,
                    plain.get(key, -1),
                    len(plain),
                )
    for shared, plain in pairs:
        assert dict(shared) == plain
        assert len(shared) == len(plain)
        assert sorted(shared) == sorted(plain)
        with pytest.raises(KeyError):
            shared[1_000]
        with pytest.raises(KeyError):
            del shared[1_000]


def test_a_copy_touches_nothing_of_what_is_in_it() -> None:
    class Counted:
        looks = 0

        def __hash__(self) -> int:
            Counted.looks += 1
            return id(self) // 16

    keys = [Counted() for _ in range(1_000)]
    one = SharedDict({key: n for n, key in enumerate(keys)})
    Counted.looks = 0
    for _ in range(10):
        other = one.copy()
        one[keys[0]] = other[keys[1]] = 5
    assert one[keys[1]] == 1
    assert Counted.looks < 200
