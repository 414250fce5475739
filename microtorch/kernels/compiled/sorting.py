"""The few largest or smallest of each row, and the most frequent."""

from __future__ import annotations

from microtorch.kernels.compiled import jit


@jit
def topk(largest, x, values, places):
    """The k largest (smallest) of each row of x, in order, and their places, as many as a row of values has.

    One pass: a number that comes before the last of those found so far is moved up to its place among them. NaN is
    larger than every number; of equal ones the first found stays in front.
    """
    k = values.shape[1]
    for r in range(x.shape[0]):
        row, best, place = x[r], values[r], places[r]
        count = 0
        last = row[0]
        for i in range(row.size):
            v = row[i]
            if count == k:  # most numbers leave here
                if largest:
                    if not (v > last or (v != v and last == last)):
                        continue
                elif not (v < last or (last != last and v == v)):
                    continue
                j = k - 1
            else:
                j = count
                count += 1
            while j > 0:
                b = best[j - 1]
                if largest:
                    if not (v > b or (v != v and b == b)):
                        break
                elif not (v < b or (b != b and v == v)):
                    break
                best[j] = b
                place[j] = place[j - 1]
                j -= 1
            best[j] = v
            place[j] = i
            last = best[count - 1]


@jit
def mode(x, values, places):
    """The most frequent number of each short row, the smallest such, and the last place where it stands. NaN is larger
    than every number, and equal to none."""
    for r in range(x.shape[0]):
        row = x[r]
        most, best, place = 0, row[0], 0
        for i in range(row.size):
            v, count, last = row[i], 1, i
            for j in range(i + 1, row.size):
                if row[j] == v:
                    count += 1
                    last = j
            if count > most or (count == most and (v < best or (best != best and v == v))):
                most, best, place = count, v, last
        values[r], places[r] = best, place
