"""The source texts of the example project's package, `market`: the analysis code of an imaginary grocery wholesaler.

Each module imports its libraries at the top and whole, as data projects do: the imports are what a cold run waits for.
"""

SETTINGS = '''
"""Numbers that the whole project shares."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    currency: str = "EUR"
    trading_days: int = 252
    service_level: float = 0.95


def load() -> Settings:
    return Settings(currency=os.environ.get("MARKET_CURRENCY", "EUR"))


SETTINGS = load()
'''

PRICES = '''
"""Price series: returns, indices, drawdowns."""

import numpy as np
import pandas as pd

from market.settings import SETTINGS


def returns(prices: pd.Series) -> pd.Series:
    return prices.pct_change().dropna()


def index_to(prices: pd.Series, base: float = 100.0) -> pd.Series:
    return prices / prices.iloc[0] * base


def drawdown(prices: pd.Series) -> pd.Series:
    return prices / prices.cummax() - 1.0


def volatility(prices: pd.Series) -> float:
    return float(np.log(prices).diff().std() * np.sqrt(SETTINGS.trading_days))


def monthly(prices: pd.Series) -> pd.Series:
    return prices.resample("MS").mean()
'''

ORDERS = '''
"""Orders as they come from the shops."""

import pandas as pd

COLUMNS = ("shop", "product", "quantity", "unit_price")


def amount(orders: pd.DataFrame) -> pd.Series:
    return orders["quantity"] * orders["unit_price"]


def by_shop(orders: pd.DataFrame) -> pd.Series:
    return orders.assign(amount=amount(orders)).groupby("shop")["amount"].sum()


def basket(orders: pd.DataFrame) -> pd.DataFrame:
    return orders.pivot_table(index="shop", columns="product", values="quantity", aggfunc="sum", fill_value=0)


def best_sellers(orders: pd.DataFrame, count: int = 3) -> list[str]:
    return list(orders.groupby("product")["quantity"].sum().nlargest(count).index)


def check(orders: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in COLUMNS if name not in orders]
    if missing:
        raise ValueError(f"orders lack {', '.join(missing)}")
    return orders
'''

QUALITY = '''
"""Is the data fit for use?"""

import numpy as np
import pandas as pd
from scipy import stats


def missing_share(frame: pd.DataFrame) -> pd.Series:
    return frame.isna().mean()


def duplicates(frame: pd.DataFrame) -> int:
    return int(frame.duplicated().sum())


def outliers(values: pd.Series, limit: float = 3.0) -> pd.Series:
    scores = np.abs(stats.zscore(values, nan_policy="omit"))
    return values[scores > limit]


def clip(values: pd.Series, low: float = 0.05, high: float = 0.95) -> pd.Series:
    return values.clip(values.quantile(low), values.quantile(high))
'''

WEATHER = '''
"""Temperatures, which drive what people eat."""

import numpy as np
import pandas as pd
from scipy import interpolate, signal


def smooth(values: np.ndarray, window: int = 7) -> np.ndarray:
    return signal.savgol_filter(values, window_length=window, polyorder=2)


def fill_gaps(series: pd.Series) -> pd.Series:
    known = series.dropna()
    curve = interpolate.PchipInterpolator(known.index.to_numpy(), known.to_numpy())
    return series.fillna(pd.Series(curve(series.index.to_numpy()), index=series.index))


def heating_degrees(temperatures: pd.Series, base: float = 18.0) -> float:
    return float((base - temperatures).clip(lower=0).sum())


def warm_spells(temperatures: pd.Series, limit: float = 25.0) -> int:
    warm = temperatures > limit
    return int((warm & ~warm.shift(fill_value=False)).sum())
'''

DEMAND = '''
"""How much will be sold, and what moves it."""

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.tsa.holtwinters import ExponentialSmoothing
from statsmodels.tsa.seasonal import seasonal_decompose


def elasticity(price: pd.Series, quantity: pd.Series) -> float:
    design = sm.add_constant(np.log(price.to_numpy()))
    return float(sm.OLS(np.log(quantity.to_numpy()), design).fit().params[1])


def fit(frame: pd.DataFrame, target: str) -> "sm.regression.linear_model.RegressionResultsWrapper":
    design = sm.add_constant(frame.drop(columns=target))
    return sm.OLS(frame[target], design).fit()


def by_formula(frame: pd.DataFrame, formula: str) -> pd.Series:
    return smf.ols(formula, frame).fit().params


def level(sales: pd.Series) -> float:
    return float(ExponentialSmoothing(sales.to_numpy()).fit(smoothing_level=0.5, optimized=False).level[-1])


def seasonality(sales: pd.Series, period: int = 7) -> pd.Series:
    return seasonal_decompose(sales, period=period).seasonal.iloc[:period]


def naive_forecast(sales: pd.Series, period: int = 7, steps: int = 7) -> np.ndarray:
    return np.resize(sales.to_numpy()[-period:], steps)
'''

SEGMENTS = '''
"""Groups of shops that behave alike."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler


def scale(table: np.ndarray) -> np.ndarray:
    return StandardScaler().fit_transform(table)


def segments(table: np.ndarray, count: int) -> np.ndarray:
    return KMeans(n_clusters=count, n_init=2, random_state=0).fit_predict(scale(table))


def separation(table: np.ndarray, labels: np.ndarray) -> float:
    return float(silhouette_score(table, labels))


def main_axes(table: np.ndarray, count: int = 2) -> np.ndarray:
    return PCA(n_components=count).fit(scale(table)).explained_variance_ratio_
'''

CHURN = '''
"""Which shops are about to leave us?"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def train(table: np.ndarray, left: np.ndarray) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(table, left)


def train_trees(table: np.ndarray, left: np.ndarray) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=5).fit(table, left)


def cross_quality(table: np.ndarray, left: np.ndarray) -> float:
    return float(cross_val_score(LogisticRegression(), table, left, cv=3).mean())


def risk(model: Pipeline, table: np.ndarray) -> np.ndarray:
    return model.predict_proba(table)[:, 1]


def quality(model: Pipeline, table: np.ndarray, left: np.ndarray) -> float:
    return float(roc_auc_score(left, risk(model, table)))
'''

RISK = '''
"""What a bad day costs."""

import numpy as np
from scipy import stats


def value_at_risk(returns: np.ndarray, level: float = 0.95) -> float:
    return float(-np.quantile(returns, 1 - level))


def expected_shortfall(returns: np.ndarray, level: float = 0.95) -> float:
    return float(-returns[returns <= -value_at_risk(returns, level)].mean())


def normal_value_at_risk(returns: np.ndarray, level: float = 0.95) -> float:
    return float(-stats.norm.ppf(1 - level, loc=returns.mean(), scale=returns.std()))


def looks_normal(returns: np.ndarray, significance: float = 0.01) -> bool:
    return bool(stats.normaltest(returns).pvalue > significance)
'''

PORTFOLIO = '''
"""How to split the budget between products."""

import numpy as np
from scipy import optimize


def lowest_variance(covariance: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(covariance)
    weights = inverse.sum(axis=1)
    return weights / weights.sum()


def best_mix(gains: np.ndarray, covariance: np.ndarray, aversion: float = 2.0) -> np.ndarray:
    count = len(gains)
    answer = optimize.minimize(
        lambda weights: aversion * weights @ covariance @ weights - gains @ weights,
        np.full(count, 1 / count),
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
    )
    return answer.x


def concentration(weights: np.ndarray) -> float:
    return float((weights**2).sum())
'''

INVENTORY = '''
"""How much to keep in the store."""

import math

from scipy import stats

from market.settings import SETTINGS


def safety_stock(deviation: float, lead_days: float, level: float = SETTINGS.service_level) -> float:
    return float(stats.norm.ppf(level) * deviation * math.sqrt(lead_days))


def reorder_point(daily: float, deviation: float, lead_days: float) -> float:
    return daily * lead_days + safety_stock(deviation, lead_days)


def order_size(yearly: float, order_cost: float, holding_cost: float) -> float:
    return math.sqrt(2 * yearly * order_cost / holding_cost)
'''

REPORTS = '''
"""Figures for people."""

import pandas as pd

from market.orders import by_shop
from market.settings import SETTINGS


def money(value: float) -> str:
    return f"{value:,.2f} {SETTINGS.currency}"


def share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def shop_report(orders: pd.DataFrame) -> list[str]:
    totals = by_shop(orders).sort_values(ascending=False)
    return [f"{shop}: {money(value)} ({share(value, totals.sum())})" for shop, value in totals.items()]
'''

PACKAGE = '''
"""Analysis code of an imaginary grocery wholesaler."""

from market.churn import train
from market.demand import elasticity, fit, seasonality
from market.inventory import order_size, reorder_point, safety_stock
from market.orders import best_sellers, by_shop
from market.portfolio import best_mix, lowest_variance
from market.prices import drawdown, returns, volatility
from market.quality import missing_share, outliers
from market.reports import shop_report
from market.risk import expected_shortfall, value_at_risk
from market.segments import scale, separation
from market.weather import fill_gaps, heating_degrees
'''

FILES = {
    "market/__init__.py": PACKAGE,
    "market/settings.py": SETTINGS,
    "market/prices.py": PRICES,
    "market/orders.py": ORDERS,
    "market/quality.py": QUALITY,
    "market/weather.py": WEATHER,
    "market/demand.py": DEMAND,
    "market/segments.py": SEGMENTS,
    "market/churn.py": CHURN,
    "market/risk.py": RISK,
    "market/portfolio.py": PORTFOLIO,
    "market/inventory.py": INVENTORY,
    "market/reports.py": REPORTS,
}
