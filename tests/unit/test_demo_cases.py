"""The demo's simulated worlds: rates, delays, seeds, sizes, and that each planted change is in the data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from monitoring.demo.case import Case, rows_per_day
from monitoring.demo.diagnosis import diagnosis_case
from monitoring.demo.fraud import fraud_case
from monitoring.demo.planted import CONTROLS, MODELS, default_end, monday, planted
from monitoring.demo.recommendations import recommendations_case

END = datetime(2026, 6, 10, tzinfo=UTC)  # a Wednesday, so that the last ISO week is running
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def fraud() -> Case:
    return fraud_case(END)


@pytest.fixture(scope="module")
def shop() -> Case:
    return recommendations_case(END)


@pytest.fixture(scope="module")
def diagnosis() -> Case:
    return diagnosis_case(END)


@pytest.fixture(scope="module")
def cases(fraud: Case, shop: Case, diagnosis: Case) -> tuple[Case, ...]:
    return fraud, shop, diagnosis


def served(case: Case) -> pa.Table:
    return pa.concat_tables([release.served for release in case.releases])


def labelled(case: Case) -> pa.Table:
    """Served rows with their label, `asked` (event time) and `labelled_at`."""
    schema = case.releases[0].schema
    table = served(case)
    table = table.append_column("asked", table[schema.timestamp])
    return table.join(case.labels, keys=schema.id, join_type="inner")


def between(table: pa.Table, since: datetime, until: datetime, column: str = "asked") -> pa.Table:
    moment = pc.cast(table[column], pa.timestamp("us", tz="UTC"))
    return table.filter(pc.and_(pc.greater_equal(moment, pa.scalar(since)), pc.less(moment, pa.scalar(until))))


def recall(table: pa.Table) -> float:
    caught = table.filter(pc.equal(table["is_fraud"], 1))["decision"]
    return float(pc.mean(caught).as_py())


def test_the_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    first, again, other = (diagnosis_case(END, rows=600, seed=seed) for seed in (1, 1, 2))
    assert first.reference.equals(again.reference)
    assert served(first).equals(served(again))
    assert first.labels.equals(again.labels)
    assert not served(first).equals(served(other))


def test_another_end_moves_the_dates_and_nothing_of_the_early_part() -> None:
    first, later = fraud_case(END, rows=1_200), fraud_case(END + 7 * DAY, rows=1_200)
    assert first.reference.drop_columns(["paid_at"]).equals(later.reference.drop_columns(["paid_at"]))
    assert later.start - first.start == 7 * DAY


@pytest.mark.parametrize(("make", "rows"), [(fraud_case, 1_200), (recommendations_case, 2_000), (diagnosis_case, 900)])
def test_rows_scale_a_case(make, rows: int) -> None:
    assert make(END, rows=rows).rows == rows


def test_everything_is_served_before_the_end_in_order_and_under_an_id_of_its_own(cases: tuple[Case, ...]) -> None:
    for case in cases:
        schema = case.releases[0].schema
        times = served(case)[schema.timestamp].cast(pa.int64()).to_numpy()
        assert (np.diff(times) >= 0).all()
        assert case.start.timestamp() <= times[0] / 1e6 and times[-1] / 1e6 < case.end.timestamp()
        assert pc.count_distinct(served(case)[schema.id]).as_py() == case.rows


def test_every_feature_and_role_of_the_schema_is_a_column_with_values(cases: tuple[Case, ...]) -> None:
    for case in cases:
        for release in case.releases:
            schema = release.schema
            scores = [schema.score] if isinstance(schema.score, str) else list(schema.score.values())
            ranking = [schema.ranking.user, schema.ranking.item] if schema.ranking else []
            wanted = {*schema.features, *schema.segments, *scores, *ranking, schema.prediction, schema.id, schema.timestamp, schema.latency}
            assert wanted <= set(release.served.column_names)
            assert wanted | {schema.label} <= set(case.reference.column_names)
            assert all(release.served[name].null_count < release.served.num_rows for name in wanted)


def test_the_reference_is_held_out_and_earlier_than_the_service(cases: tuple[Case, ...]) -> None:
    for case in cases:
        schema = case.releases[0].schema
        assert 3_000 <= case.reference.num_rows <= 10_000
        assert pc.max(case.reference[schema.timestamp]).as_py() < case.start


def test_half_to_one_percent_of_payments_are_fraud(fraud: Case) -> None:
    assert 0.005 <= pc.mean(fraud.reference["is_fraud"]).as_py() <= 0.01
    assert 0.005 <= pc.mean(fraud.labels["is_fraud"]).as_py() <= 0.01


def test_the_fraud_model_is_good_until_fraud_moves_and_then_misses_most(fraud: Case) -> None:
    day = next(p.at for p in planted(END) if p.metric == "recall")
    rows = labelled(fraud)
    assert 0.8 < recall(between(rows, fraud.start, day)) < 0.99
    assert recall(between(rows, day, END)) < 0.3


def test_the_decision_is_not_cut_at_one_half(fraud: Case) -> None:
    table = served(fraud).filter(pc.is_valid(served(fraud)["decision"]))
    positive = table.filter(pc.equal(table["decision"], 1))
    assert pc.min(positive["fraud_score"]).as_py() < 0.3


def test_fraud_labels_arrive_about_seven_days_late_and_none_before_it_is_due(fraud: Case) -> None:
    rows = labelled(fraud)
    lag = (rows["labelled_at"].cast(pa.int64()).to_numpy() - rows["asked"].cast(pa.int64()).to_numpy()) / 86_400e6
    assert lag.min() >= 6 and lag.max() <= 8.5 and lag.std() > 0.3
    assert abs(np.median(lag) - 7) < 0.1
    assert pc.max(fraud.labels["labelled_at"]).as_py() < END
    assert between(rows, END - 6 * DAY, END).num_rows == 0


def test_the_second_version_is_slow_in_its_tail_and_not_in_its_middle(fraud: Case) -> None:
    first, second = (np.sort(release.served["latency_ms"].to_numpy()) for release in fraud.releases)
    assert np.quantile(second, 0.95) > 3 * np.quantile(first, 0.95)
    assert np.quantile(second, 0.5) < 1.3 * np.quantile(first, 0.5)
    release = next(p.at for p in planted(END) if p.metric == "latency_p95")
    assert fraud.releases[1].served["paid_at"][0].as_py() >= release > fraud.releases[0].served["paid_at"][-1].as_py()


def test_some_calls_fail_and_have_neither_prediction_nor_label(fraud: Case, diagnosis: Case) -> None:
    for case in (fraud, diagnosis):
        schema = case.releases[0].schema
        failed = served(case).filter(pc.is_valid(served(case)["error"]))
        assert 0.0005 < failed.num_rows / case.rows < 0.01
        assert failed[schema.prediction].null_count == failed.num_rows
        assert not pc.any(pc.is_in(failed[schema.id], value_set=case.labels[schema.id].combine_chunks())).as_py()


def test_every_list_holds_twenty_items_of_one_customer_in_the_order_of_their_scores(shop: Case) -> None:
    table = served(shop)
    rank = table["rank"].to_numpy().reshape(-1, 20)
    scores = table["ranking_score"].to_numpy().reshape(-1, 20)
    users = np.array(table["user_id"].to_pylist()).reshape(-1, 20)
    assert (rank == np.arange(1, 21)).all()
    assert (np.diff(scores, axis=1) <= 0).all()
    assert (users == users[:, :1]).all()


def test_the_new_collection_is_shown_low_and_bought_more(shop: Case) -> None:
    day = next(p.at for p in planted(END) if p.metric == "ndcg_at_k")
    rows = labelled(shop)
    assert not pc.any(pc.greater_equal(between(rows, shop.start, day)["item_id"], "item-1")).as_py()
    after = between(rows, day, END)
    new = pc.greater_equal(after["item_id"], "item-1")
    fresh, kept = after.filter(new), after.filter(pc.invert(new))
    assert pc.mean(fresh["rank"]).as_py() > pc.mean(kept["rank"]).as_py() + 3
    assert pc.mean(fresh["bought"]).as_py() > 2 * pc.mean(kept["bought"]).as_py()


def test_letters_go_out_on_monday_mornings(shop: Case) -> None:
    for week in {monday(moment) for moment in served(shop)["shown_at"].to_pylist()}:
        sent = between(served(shop), week, week + 7 * DAY, "shown_at")
        assert pc.max(sent["shown_at"]).as_py() <= week + timedelta(hours=12)
        assert sent.num_rows == 3_600


def test_diagnosis_probabilities_sum_to_one_and_the_class_is_the_most_probable(diagnosis: Case) -> None:
    table = served(diagnosis).filter(pc.is_valid(served(diagnosis)["triage"]))
    scores = np.column_stack([table[name].to_numpy() for name in ("p_clear", "p_follow_up", "p_urgent")])
    assert np.abs(scores.sum(axis=1) - 1).max() < 1e-5
    assert (np.array(["clear", "follow-up", "urgent"])[scores.argmax(axis=1)] == np.array(table["triage"].to_pylist())).all()


def test_the_model_is_calibrated_until_patients_come_earlier(diagnosis: Case) -> None:
    day = next(p.at for p in planted(END) if p.metric == "expected_calibration_error")

    def overconfidence(table: pa.Table) -> float:
        scores = np.column_stack([table[name].to_numpy() for name in ("p_clear", "p_follow_up", "p_urgent")])
        right = np.array(table["triage"].to_pylist()) == np.array(table["histology"].to_pylist())
        return float(scores.max(axis=1).mean() - right.mean())

    rows = labelled(diagnosis)
    assert abs(overconfidence(between(rows, diagnosis.start, day))) < 0.02
    assert overconfidence(between(rows, day + 7 * DAY, day + 14 * DAY)) > 0.1


def test_only_the_scanner_of_the_north_grows_brighter(diagnosis: Case) -> None:
    day = next(p.at for p in planted(END) if p.column == "lesion_contrast")
    table = served(diagnosis)
    late, early = between(table, day, END, "examined_at"), between(table, diagnosis.start, day, "examined_at")

    def brightness(rows: pa.Table, site: str) -> float:
        return float(pc.mean(rows.filter(pc.equal(rows["site"], site))["lesion_contrast"]).as_py())

    for site in ("east", "south", "west"):
        assert abs(brightness(late, site) - brightness(early, site)) < 2
    assert brightness(late, "north") - brightness(early, "north") > 15


def test_every_control_and_planted_column_is_a_feature(cases: tuple[Case, ...]) -> None:
    for case in cases:
        features = set(case.releases[0].schema.features)
        drifting = {p.column for p in planted(END) if p.model == case.model and p.metric == "drift"}
        assert 6 <= len(features) <= 10
        assert set(CONTROLS[case.model]) <= features
        assert drifting <= features - set(CONTROLS[case.model])


def test_planted_dates_start_a_window_within_the_served_days() -> None:
    for offset in range(7):
        end = END + offset * DAY
        for change in planted(end):
            assert end - 60 * DAY < change.at < end - 8 * DAY
            assert change.model in MODELS.values()
            if change.model != "card-fraud":
                assert change.at == monday(change.at)


def test_the_default_end_is_the_last_midnight() -> None:
    now, end = datetime.now(UTC), default_end()
    assert timedelta(0) <= now - end < timedelta(days=1, minutes=1)
    assert (end.hour, end.minute, end.second, end.microsecond) == (0, 0, 0, 0)


def test_weekends_are_quieter_and_no_row_is_lost() -> None:
    per_day = rows_per_day(1_000, datetime(2026, 6, 1, tzinfo=UTC), 14, weekend=0.5)
    assert per_day.sum() == 1_000
    assert max(per_day[[5, 6, 12, 13]]) < min(per_day[[0, 1, 2, 3, 4]])
