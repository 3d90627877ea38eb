import numpy as np

from napari_metime.simulate.fields import log_gaussian_field, smooth_noise

BOUNDS_UM = (0.0, 0.0, 20_000.0, 20_000.0)


def test_a_field_has_mean_one_and_the_stated_logarithmic_spread():
    values = log_gaussian_field(BOUNDS_UM, sd=0.5, scale_um=80, rng=np.random.default_rng(1)).values
    assert abs(values.mean() - 1) < 0.02
    assert abs(np.log(values).std() - 0.5) < 0.02


def test_a_field_without_spread_is_one_everywhere():
    field = log_gaussian_field(BOUNDS_UM, sd=0, scale_um=80, rng=np.random.default_rng(1))
    assert np.all(field.at(np.array([0.0, 77.7, 19_999.0]), np.array([5.0, 20_000.0, 3.3])) == 1)
    assert field.highest == 1


def test_noise_is_correlated_as_the_scale_says_and_even_up_to_the_border():
    noise = smooth_noise((400, 60, 60), 3.0, np.random.default_rng(2))
    assert abs(noise[:, 30, 30].std() - 1) < 0.1
    assert abs(noise[:, 0, 0].std() - 1) < 0.1
    correlation = np.mean(noise[:, :, 6:] * noise[:, :, :-6])
    assert abs(correlation - np.exp(-(6**2) / (4 * 3.0**2))) < 0.02


def test_a_field_is_bounded_by_its_highest_value():
    field = log_gaussian_field((0, 0, 1000, 1000), sd=1.0, scale_um=50, rng=np.random.default_rng(3))
    x, y = np.random.default_rng(4).uniform(-100, 1100, (2, 5000))
    assert field.at(x, y).max() <= field.highest
