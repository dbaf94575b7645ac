import random

from onoma.corpus.dedupe import near_duplicates, normalised


def test_normalised_evens_out_case_space_and_composition():
    assert normalised(" Rome,\u00a0 ROME ") == "rome, rome"
    assert normalised("\u09df") == normalised("\u09af\u09bc")


def test_planted_near_duplicates_are_found_and_nothing_else():
    generator = random.Random(7)
    words = ["".join(generator.choices("abcdefghijklmnopqrst", k=7)) for _ in range(3000)]
    originals = [" ".join(generator.sample(words, 20)) for _ in range(300)]
    # One word of twenty changed: Jaccard index of shingles about 0.87.
    planted = [" ".join([*text.split()[:-1], "changed"]) for text in originals[:100]]
    groups = near_duplicates(originals + planted)
    expected = {(number, 300 + number) for number in range(100)}
    found = {tuple(group) for group in groups}
    assert len(found & expected) >= 95
    assert not found - expected


def test_short_and_empty_texts():
    assert near_duplicates(["", "", "ab", "AB", "xy"]) == [[0, 1], [2, 3]]
    assert near_duplicates([]) == []


def test_recall_and_precision_on_edited_texts():
    generator = random.Random(3)
    words = ["".join(generator.choices("abcdefghijklmnopqrst", k=generator.randint(2, 9))) for _ in range(2000)]
    texts, pairs = [], []
    for _ in range(400):
        text = " ".join(generator.choices(words, k=generator.randint(8, 60)))
        other = list(text)
        for _ in range(generator.randint(1, 12)):
            other[generator.randrange(len(other))] = generator.choice("abcxyz ")
        pairs.append((len(texts), len(texts) + 1))
        texts += [text, "".join(other)]

    def shingles(text):
        plain = f" {normalised(text)} "
        return {plain[start : start + 4] for start in range(len(plain) - 3)}

    def jaccard(left, right):
        one, two = shingles(texts[left]), shingles(texts[right])
        return len(one & two) / len(one | two)

    near = {pair for pair in pairs if jaccard(*pair) >= 0.8}
    found = {tuple(group) for group in near_duplicates(texts)}
    assert len(near) > 50
    assert len(found & near) >= 0.95 * len(near)
    assert found <= near
