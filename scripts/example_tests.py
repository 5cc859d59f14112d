"""The source texts of the example project's tests: twenty files, a hundred tests, each quick once it is imported."""

CONFTEST = '''
"""Data that most tests start from."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def prices() -> pd.Series:
    return pd.Series([100.0, 110.0, 99.0, 121.0], index=pd.date_range("2024-01-30", periods=4))


@pytest.fixture(scope="session")
def orders() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "shop": ["north", "north", "south", "south", "south"],
            "product": ["rice", "tea", "rice", "salt", "tea"],
            "quantity": [10, 2, 5, 8, 4],
            "unit_price": [2.0, 5.0, 2.0, 1.0, 5.0],
        }
    )


@pytest.fixture(scope="session")
def blobs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    table = np.vstack([rng.normal(centre, 0.3, size=(20, 3)) for centre in (0.0, 4.0, 8.0)])
    return table, np.repeat([0, 1, 2], 20)
'''

PRICES = """
import pandas as pd
import pytest

from market import prices as subject


def test_returns_are_relative_changes(prices):
    assert subject.returns(prices).round(3).tolist() == [0.1, -0.1, 0.222]


def test_returns_drop_the_first_day(prices):
    assert len(subject.returns(prices)) == len(prices) - 1


def test_returns_of_a_constant_are_zero():
    assert (subject.returns(pd.Series([5.0] * 4)) == 0).all()


@pytest.mark.parametrize("base", [1.0, 100.0, 1000.0])
def test_index_starts_at_its_base(prices, base):
    assert subject.index_to(prices, base).iloc[0] == base
"""

DRAWDOWN = """
import pandas as pd
import pytest

from market.prices import drawdown


def test_never_above_zero(prices):
    assert (drawdown(prices) <= 0).all()


def test_depth(prices):
    assert drawdown(prices).min() == pytest.approx(-0.1)


def test_rising_prices_have_none():
    assert (drawdown(pd.Series([1.0, 2.0, 3.0])) == 0).all()


@pytest.mark.parametrize(("last", "depth"), [(50.0, -0.5), (75.0, -0.25)])
def test_last_day(last, depth):
    assert drawdown(pd.Series([100.0, last])).iloc[-1] == pytest.approx(depth)
"""

VOLATILITY = """
import numpy as np
import pandas as pd
import pytest

from market.prices import monthly, volatility


def test_constant_prices_have_none():
    assert volatility(pd.Series([3.0] * 10)) == 0


def test_grows_with_the_moves():
    calm, wild = pd.Series([100, 101, 100, 101]), pd.Series([100, 120, 100, 120])
    assert volatility(calm) < volatility(wild)


def test_does_not_depend_on_the_unit(prices):
    assert volatility(prices) == pytest.approx(volatility(prices * 100))


def test_monthly_means(prices):
    assert monthly(prices).round(2).tolist() == [105.0, 110.0]


def test_monthly_index_is_the_first_of_the_month(prices):
    assert [day.day for day in monthly(prices).index] == [1, 1]


def test_of_random_walk(rng):
    walk = pd.Series(np.exp(np.cumsum(rng.normal(0, 0.01, 500))))
    assert volatility(walk) == pytest.approx(0.01 * np.sqrt(252), rel=0.2)
"""

ORDERS = """
import pytest

from market import orders as subject


def test_amount(orders):
    assert subject.amount(orders).tolist() == [20.0, 10.0, 10.0, 8.0, 20.0]


def test_by_shop(orders):
    assert subject.by_shop(orders).to_dict() == {"north": 30.0, "south": 38.0}


def test_check_returns_good_orders(orders):
    assert subject.check(orders) is orders


@pytest.mark.parametrize("column", subject.COLUMNS)
def test_check_names_what_is_missing(orders, column):
    with pytest.raises(ValueError, match=column):
        subject.check(orders.drop(columns=column))
"""

BASKET = """
import pytest

from market.orders import basket, best_sellers


def test_basket_has_a_row_for_each_shop(orders):
    assert list(basket(orders).index) == ["north", "south"]


def test_basket_fills_with_zero(orders):
    assert basket(orders).loc["north", "salt"] == 0


def test_basket_keeps_the_total(orders):
    assert basket(orders).to_numpy().sum() == orders["quantity"].sum()


@pytest.mark.parametrize(("count", "expected"), [(1, ["rice"]), (2, ["rice", "salt"])])
def test_best_sellers(orders, count, expected):
    assert best_sellers(orders, count) == expected
"""

QUALITY = """
import pandas as pd
import pytest

from market import quality


@pytest.fixture
def frame():
    return pd.DataFrame({"a": [1, 2, 2, None], "b": [1, 2, 2, 4]})


def test_missing_share(frame):
    assert quality.missing_share(frame).to_dict() == {"a": 0.25, "b": 0.0}


def test_duplicates(frame):
    assert quality.duplicates(frame) == 1


def test_no_duplicates(frame):
    assert quality.duplicates(frame.drop_duplicates()) == 0


def test_clip_keeps_the_middle():
    assert quality.clip(pd.Series(range(101))).iloc[50] == 50


def test_clip_cuts_the_ends():
    clipped = quality.clip(pd.Series(range(101)))
    assert (clipped.min(), clipped.max()) == (5, 95)
"""

OUTLIERS = """
import numpy as np
import pandas as pd
import pytest

from market.quality import outliers


@pytest.fixture
def values(rng):
    return pd.Series(np.append(rng.normal(0, 1, 200), 30.0))


def test_finds_the_one(values):
    assert outliers(values).tolist() == [30.0]


def test_keeps_its_place(values):
    assert list(outliers(values).index) == [200]


def test_a_high_limit_finds_none(values):
    assert outliers(values, limit=50).empty


def test_skips_missing_values(values):
    assert 30.0 in set(outliers(pd.concat([values, pd.Series([np.nan])], ignore_index=True)))


@pytest.mark.parametrize("sign", [1, -1])
def test_both_directions(values, sign):
    assert len(outliers(values * sign)) == 1
"""

WEATHER = """
import numpy as np
import pandas as pd
import pytest

from market import weather


def test_smoothing_keeps_a_parabola():
    curve = np.linspace(0, 5, 50) ** 2
    assert weather.smooth(curve) == pytest.approx(curve)


def test_smoothing_lowers_the_noise(rng):
    noise = rng.normal(size=200)
    assert weather.smooth(noise).std() < noise.std()


def test_smoothing_keeps_the_length():
    assert len(weather.smooth(np.ones(30))) == 30


def test_gaps_are_filled_between_the_neighbours():
    assert 1.0 < weather.fill_gaps(pd.Series([1.0, None, 3.0]))[1] < 3.0


def test_known_values_stay():
    assert weather.fill_gaps(pd.Series([1.0, None, 3.0, 7.0]))[[0, 2, 3]].tolist() == [1.0, 3.0, 7.0]
"""

DEGREES = """
import pandas as pd
import pytest

from market.weather import heating_degrees, warm_spells


@pytest.mark.parametrize(("temperature", "degrees"), [(18.0, 0.0), (10.0, 8.0), (30.0, 0.0)])
def test_heating_degrees_of_a_day(temperature, degrees):
    assert heating_degrees(pd.Series([temperature])) == degrees


def test_heating_degrees_add_up():
    assert heating_degrees(pd.Series([10.0, 8.0, 20.0])) == 18.0


def test_one_spell_of_three_days():
    assert warm_spells(pd.Series([20, 26, 27, 28, 20])) == 1


def test_two_spells():
    assert warm_spells(pd.Series([26, 20, 26])) == 2
"""

DEMAND = """
import numpy as np
import pandas as pd
import pytest

from market import demand


@pytest.fixture
def sales(rng):
    price = rng.uniform(1, 10, 80)
    advertising = rng.uniform(0, 1, 80)
    return pd.DataFrame({"price": price, "advertising": advertising, "sold": 50 - 3 * price + 10 * advertising})


def test_slope(sales):
    assert demand.fit(sales, "sold").params["price"] == pytest.approx(-3)


def test_constant(sales):
    assert demand.fit(sales, "sold").params["const"] == pytest.approx(50)


def test_explains_everything_without_noise(sales):
    assert demand.fit(sales, "sold").rsquared == pytest.approx(1)


def test_noise_lowers_what_is_explained(sales, rng):
    noisy = sales.assign(sold=sales["sold"] + rng.normal(0, 5, len(sales)))
    assert demand.fit(noisy, "sold").rsquared < 0.95


def test_formula_agrees(sales):
    assert demand.by_formula(sales, "sold ~ price + advertising")["price"] == pytest.approx(-3)


def test_level_of_a_constant():
    assert demand.level(pd.Series([5.0] * 10)) == pytest.approx(5)


def test_residuals_are_small(sales):
    assert np.abs(demand.fit(sales, "sold").resid).max() < 1e-9
"""

ELASTICITY = """
import numpy as np
import pandas as pd
import pytest

from market.demand import elasticity


@pytest.mark.parametrize("true_value", [-2.0, -1.0, -0.5])
def test_is_found(true_value):
    price = pd.Series(np.linspace(1, 10, 30))
    assert elasticity(price, price**true_value) == pytest.approx(true_value)


def test_does_not_depend_on_the_currency():
    price = pd.Series(np.linspace(1, 10, 30))
    quantity = 100 * price**-1.5
    assert elasticity(price * 1.1, quantity) == pytest.approx(elasticity(price, quantity))


def test_survives_noise(rng):
    price = pd.Series(rng.uniform(1, 10, 300))
    assert elasticity(price, price**-1.2 * np.exp(rng.normal(0, 0.1, 300))) == pytest.approx(-1.2, abs=0.1)
"""

SEASONS = """
import numpy as np
import pandas as pd
import pytest

from market.demand import naive_forecast, seasonality

WEEK = np.array([0.0, 1.0, 2.0, 3.0, 2.0, 1.0, -9.0])


@pytest.fixture
def sales():
    return pd.Series(100 + np.tile(WEEK, 8), index=pd.date_range("2024-01-01", periods=56))


def test_shape_of_the_week(sales):
    assert seasonality(sales).to_numpy() == pytest.approx(WEEK - WEEK.mean())


def test_sums_to_zero(sales):
    assert seasonality(sales).sum() == pytest.approx(0)


def test_sunday_is_the_lowest(sales):
    assert seasonality(sales).to_numpy().argmin() == 6


@pytest.mark.parametrize("steps", [3, 10])
def test_forecast_repeats_the_week(sales, steps):
    assert naive_forecast(sales, steps=steps)[:3] == pytest.approx(100 + WEEK[:3])
"""

SEGMENTS = """
import numpy as np
import pytest

from market.segments import segments, separation


def test_finds_the_three(blobs):
    table, truth = blobs
    found = segments(table, 3)
    assert all(len(set(found[truth == label])) == 1 for label in range(3))


def test_is_repeatable(blobs):
    assert (segments(blobs[0], 3) == segments(blobs[0], 3)).all()


def test_separation_is_high(blobs):
    assert separation(*blobs) > 0.8


def test_random_labels_separate_badly(blobs, rng):
    assert separation(blobs[0], rng.permutation(blobs[1])) < 0.2


@pytest.mark.parametrize("count", [2, 4])
def test_number_of_segments(blobs, count):
    assert len(np.unique(segments(blobs[0], count))) == count
"""

SCALING = """
import numpy as np
import pytest

from market.segments import main_axes, scale


def test_mean_is_zero(blobs):
    assert scale(blobs[0]).mean(axis=0) == pytest.approx(0, abs=1e-12)


def test_deviation_is_one(blobs):
    assert scale(blobs[0]).std(axis=0) == pytest.approx(1)


def test_constant_column_stays_finite():
    assert np.isfinite(scale(np.ones((4, 2)))).all()


def test_first_axis_explains_the_most(blobs):
    first, second = main_axes(blobs[0])
    assert first > 0.9 > second


def test_shares_sum_to_one(blobs):
    assert main_axes(blobs[0], 3).sum() == pytest.approx(1)
"""

CHURN = """
import numpy as np
import pytest

from market import churn


@pytest.fixture
def history(rng):
    table = rng.normal(size=(120, 2))
    return table, (table[:, 0] + rng.normal(0, 0.3, 120) > 0).astype(int)


def test_better_than_chance(history):
    assert churn.quality(churn.train(*history), *history) > 0.9


def test_risk_is_a_probability(history):
    risk = churn.risk(churn.train(*history), history[0])
    assert ((risk >= 0) & (risk <= 1)).all()


@pytest.mark.parametrize(("shop", "leaves"), [((3.0, 0.0), True), ((-3.0, 0.0), False)])
def test_clear_cases(history, shop, leaves):
    assert (churn.risk(churn.train(*history), np.array([shop]))[0] > 0.5) is np.bool_(leaves)


def test_trees_learn_it_too(history):
    assert churn.train_trees(*history).score(*history) > 0.8


def test_across_folds(history):
    assert churn.cross_quality(*history) > 0.8


def test_second_column_does_not_matter(history):
    weights = churn.train(*history)[-1].coef_[0]
    assert abs(weights[0]) > 5 * abs(weights[1])
"""

RISK = """
import numpy as np
import pytest

from market import risk


@pytest.fixture
def returns(rng):
    return rng.normal(0, 0.02, 2000)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_agrees_with_the_formula(returns, level):
    assert risk.value_at_risk(returns, level) == pytest.approx(risk.normal_value_at_risk(returns, level), rel=0.1)


def test_shortfall_is_worse(returns):
    assert risk.expected_shortfall(returns) > risk.value_at_risk(returns)


def test_grows_with_the_level(returns):
    assert risk.value_at_risk(returns, 0.99) > risk.value_at_risk(returns, 0.9)
"""

TAILS = """
import numpy as np
import pytest

from market.risk import expected_shortfall, looks_normal


def test_normal(rng):
    assert looks_normal(rng.normal(size=500))


@pytest.mark.parametrize("freedom", [2, 3])
def test_heavy_tails(rng, freedom):
    assert not looks_normal(rng.standard_t(freedom, size=2000))


def test_skewed(rng):
    assert not looks_normal(rng.exponential(size=500))


def test_shortfall_of_known_losses():
    assert expected_shortfall(np.arange(-50, 50) / 100.0, 0.95) == pytest.approx(0.48, abs=0.01)
"""

PORTFOLIO = """
import numpy as np
import pytest

from market import portfolio

COVARIANCE = np.diag([0.01, 0.04, 0.09])


def test_weights_sum_to_one():
    assert portfolio.lowest_variance(COVARIANCE).sum() == pytest.approx(1)


def test_calm_products_get_more():
    first, second, third = portfolio.lowest_variance(COVARIANCE)
    assert first > second > third


def test_best_mix_spends_everything():
    assert portfolio.best_mix(np.array([0.1, 0.1, 0.1]), COVARIANCE).sum() == pytest.approx(1)


def test_best_mix_likes_gains():
    assert portfolio.best_mix(np.array([0.0, 0.9, 0.0]), COVARIANCE).argmax() == 1


@pytest.mark.parametrize(("weights", "value"), [((1, 0), 1.0), ((0.5, 0.5), 0.5)])
def test_concentration(weights, value):
    assert portfolio.concentration(np.array(weights)) == value
"""

INVENTORY = """
import pytest

from market import inventory


def test_no_deviation_needs_no_stock():
    assert inventory.safety_stock(0, 5) == 0


def test_stock_grows_with_the_root_of_the_time():
    assert inventory.safety_stock(10, 4) == pytest.approx(2 * inventory.safety_stock(10, 1))


def test_reorder_point_covers_the_lead_time():
    assert inventory.reorder_point(20, 5, 3) > 60


@pytest.mark.parametrize(("yearly", "size"), [(100, 10), (400, 20)])
def test_order_size(yearly, size):
    assert inventory.order_size(yearly, 1, 2) == size
"""

REPORTS = """
import pytest

from market import reports


@pytest.mark.parametrize(("value", "text"), [(0, "0.00 EUR"), (1234.5, "1,234.50 EUR")])
def test_money(value, text):
    assert reports.money(value) == text


def test_share():
    assert reports.share(1, 4) == "25.0%"


def test_share_of_nothing():
    assert reports.share(1, 0) == "-"


def test_shop_report(orders):
    assert reports.shop_report(orders) == ["south: 38.00 EUR (55.9%)", "north: 30.00 EUR (44.1%)"]
"""

FILES = {
    "conftest.py": CONFTEST,
    "tests/test_prices.py": PRICES,
    "tests/test_drawdown.py": DRAWDOWN,
    "tests/test_volatility.py": VOLATILITY,
    "tests/test_orders.py": ORDERS,
    "tests/test_basket.py": BASKET,
    "tests/test_quality.py": QUALITY,
    "tests/test_outliers.py": OUTLIERS,
    "tests/test_weather.py": WEATHER,
    "tests/test_degrees.py": DEGREES,
    "tests/test_demand.py": DEMAND,
    "tests/test_elasticity.py": ELASTICITY,
    "tests/test_seasons.py": SEASONS,
    "tests/test_segments.py": SEGMENTS,
    "tests/test_scaling.py": SCALING,
    "tests/test_churn.py": CHURN,
    "tests/test_risk.py": RISK,
    "tests/test_tails.py": TAILS,
    "tests/test_portfolio.py": PORTFOLIO,
    "tests/test_inventory.py": INVENTORY,
    "tests/test_reports.py": REPORTS,
}
