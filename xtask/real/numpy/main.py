"""Arrays, linear algebra, transforms, strings and errors of NumPy, all printed as exact numbers."""

import sys

import numpy as np

print(sys.version.split()[0], np.__version__)

rows = np.arange(12, dtype=np.int32).reshape(3, 4)
print((rows * rows).sum(axis=0).tolist(), rows[:, ::-1].T.tolist()[0], (rows @ rows.T).trace())

shore = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]])
solved = np.linalg.solve(shore, np.array([1.0, 2.0, 3.0]))
print(np.round(solved, 9).tolist(), round(float(np.linalg.det(shore)), 9))
print(np.round(np.linalg.eigvalsh(shore), 6).tolist())

time = np.arange(256) / 256
signal = np.sin(2 * np.pi * 12 * time) + 0.5 * np.sin(2 * np.pi * 40 * time)
power = np.abs(np.fft.rfft(signal))
print(np.argsort(power)[-2:].tolist(), np.round(power[[12, 40]], 6).tolist())

draw = np.random.default_rng(7)
weights = draw.integers(40, 240, size=100_000)
print(int(weights.sum()), np.bincount(weights)[40:44].tolist(), int(np.median(weights)))
print(np.sort(weights)[::20_000].tolist(), np.unique(weights % 7, return_counts=True)[1].tolist())

for faulty in (
    lambda: np.zeros(3) + np.zeros(4),
    lambda: np.linalg.inv(np.zeros((2, 2))),
    lambda: rows[7],
    lambda: np.array(["knot"], dtype=int),
):
    try:
        faulty()
    except Exception as error:
        print(type(error).__name__, error)
with np.errstate(divide="ignore", invalid="ignore"):
    print((np.array([1.0, 0.0]) / 0).tolist(), np.float32(0.1).item(), np.float16(1e5).item())
