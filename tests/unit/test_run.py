import json
import math
import os
import pickle
from dataclasses import fields

import numpy as np
import pytest

import csgld_core as cc

NINE = cc.targets.nine_modes(noise=0.32)
PARTITION = cc.EnergyPartition(-8.0, 20.0, 100)
CALLS = {
    "sgld": (cc.sgld, {"step_size": 1e-3}),
    "cyclical_sgld": (cc.cyclical_sgld, {"peak_step_size": 5e-3, "cycles": 4}),
    "replica_exchange_sgld": (
        cc.replica_exchange_sgld,
        {"step_size": 1e-3, "high_temperature": 3.0},
    ),
    "contour_sgld": (cc.contour_sgld, {"step_size": 1e-3, "partition": PARTITION}),
}


def sample(name, **changes):
    function, own = CALLS[name]
    settings = {"target": NINE, "steps": 400, "seed": 3, "chains": 2, "thin": 5}
    return function(**{**settings, **own, **changes})


def synthetic(positions, log_weights):
    """A Run (chains, draws, dim) with the given draws."""
    positions, log_weights = np.asarray(positions, float), np.asarray(log_weights, float)
    return cc.Run(
        settings={},
        gradient_evaluations=1,
        steps=np.arange(1, positions.shape[1] + 1),
        positions=positions,
        energies=log_weights,
        exact_energies=log_weights,
        multipliers=log_weights,
        log_weights=log_weights,
    )


# --- file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CALLS)
def test_save_and_load(name, tmp_path):
    run = sample(name)
    for path in (tmp_path / "run.npz", str(tmp_path / "run without suffix")):
        run.save(path)
        loaded = cc.Run.load(path)
        for field in fields(cc.Run):
            if field.name == "settings":
                continue
            old, new = getattr(run, field.name), getattr(loaded, field.name)
            assert type(old) is type(new), field.name
            if isinstance(old, np.ndarray):
                assert (old.dtype, old.shape) == (new.dtype, new.shape)
                assert old.tobytes() == new.tobytes()
            else:
                assert old == new
        assert (loaded.partition, loaded.scheme) == (run.partition, run.scheme)
        assert (loaded.mean() == run.mean()).all()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", CALLS)
def test_settings_survive_the_file(name, tmp_path):
    run = sample(name)
    run.save(tmp_path / "run")
    assert cc.Run.load(tmp_path / "run").settings == run.settings


@pytest.mark.parametrize("name", CALLS)
def test_settings_are_ready_for_json(name):
    run = sample(name, seed=None, temperature=np.float64(1.5), burn_in=np.int64(20), start=(2, 2))
    stated = json.loads(json.dumps(run.settings, allow_nan=False))
    assert stated["sampler"] == name
    assert stated["target"]["name"] == "nine_modes"
    assert (stated["temperature"], stated["burn_in"], stated["thin"]) == (1.5, 20, 5)
    assert stated["seed"] == run.settings["seed"]
    assert stated["start"] == [[2.0, 2.0]] * 2
    assert stated["versions"]["numpy"] == np.__version__
    assert {**CALLS[name][1], "partition": None}.keys() - {"partition"} <= stated.keys()


def test_a_run_can_be_repeated_from_its_file(tmp_path):
    run = sample("contour_sgld", start=(1.0, 2.0), scheme=cc.ContourScheme.published(), seed=None)
    run.save(tmp_path / "run")
    loaded = cc.Run.load(tmp_path / "run")
    names = "steps step_size zeta temperature chains thin burn_in start walls integrator seed"
    stated = {name: loaded.settings[name] for name in names.split()}
    again = cc.contour_sgld(NINE, partition=loaded.partition, scheme=loaded.scheme, **stated)
    assert (again.positions == run.positions).all()
    assert (again.log_weights == run.log_weights).all()


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("failing", ["savez", "replace"])
@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
def test_save_is_all_or_nothing(tmp_path, monkeypatch, failing, failure):
    path = tmp_path / "run"
    sample("sgld").save(path)
    before = path.read_bytes()

    def half(file, *_args, **_members):
        if failing == "savez":
            file.write(b"half a file")
        raise failure("disk full")

    monkeypatch.setattr(*((np, "savez") if failing == "savez" else (os, "replace")), half)
    with pytest.raises(failure, match="disk full"):
        sample("contour_sgld").save(path)
    with pytest.raises(failure, match="disk full"):
        sample("contour_sgld").save(tmp_path / "other")
    assert names_in(tmp_path) == ["run"]
    assert path.read_bytes() == before


def test_a_saved_run_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_text("")
    sample("sgld").save(tmp_path / "run")
    assert (tmp_path / "run").stat().st_mode == (tmp_path / "usual").stat().st_mode


def text(path):
    path.write_text("no run at all")


def empty(path):
    path.write_bytes(b"")


def other_npz(path):
    with path.open("wb") as file:
        np.savez(file, positions=np.zeros((1, 2, 2)))


def other_format(path):
    sample("sgld").save(path)
    with np.load(path) as file:
        members = dict(file)
    with path.open("wb") as file:
        np.savez(file, **{**members, "format": "csgld_core.Run 99"})


def npy(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


class Trap:
    def __reduce__(self):
        return (os._exit, (13,))  # would end the tests if the file were unpickled


def pickled(path):
    path.write_bytes(pickle.dumps(Trap()))


def pickled_npz(path):
    members = {"format": "csgld_core.Run 1", "settings": np.array(Trap(), dtype=object)}
    with path.open("wb") as file:
        np.savez(file, **members)


def missing_member(path):
    with path.open("wb") as file:
        np.savez(file, format="csgld_core.Run 1", settings="{}", gradient_evaluations=1)


def bad_settings(path):
    sample("sgld").save(path)
    with np.load(path) as file:
        members = dict(file)
    with path.open("wb") as file:
        np.savez(file, **{**members, "settings": "{not json"})


BAD_FILES = [
    text,
    empty,
    other_npz,
    other_format,
    npy,
    pickled,
    pickled_npz,
    missing_member,
    bad_settings,
]


@pytest.mark.parametrize("write", BAD_FILES)
def test_a_file_that_is_no_run_is_named(write, tmp_path):
    path = tmp_path / "strange"
    write(path)
    with pytest.raises(ValueError, match=r"path must be a file written by Run.save.*strange"):
        cc.Run.load(path)


def test_a_truncated_file_is_named(tmp_path):
    sample("contour_sgld").save(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    path = tmp_path / "part"
    for length in np.linspace(0, len(whole) - 1, 60).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"path must be a file written by Run.save.*part"):
            cc.Run.load(path)


def test_a_damaged_file_is_named_or_read_as_it_was(tmp_path):
    run = sample("contour_sgld", steps=50)
    run.save(tmp_path / "whole")
    whole = np.frombuffer((tmp_path / "whole").read_bytes(), dtype=np.uint8)
    path, random = tmp_path / "damaged", np.random.default_rng(0)
    refused = 0
    for place in random.integers(len(whole), size=400):
        damaged = whole.copy()
        damaged[place] ^= random.integers(1, 256)
        path.write_bytes(damaged.tobytes())
        try:
            loaded = cc.Run.load(path)
        except ValueError as error:
            assert "path must be a file written by Run.save" in str(error)  # noqa: PT017
            refused += 1
        else:
            assert (loaded.positions == run.positions).all()
    assert refused > 200


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        cc.Run.load(tmp_path / "nowhere")


# --- weights, means, resampling -------------------------------------------------------------------


def test_mean_by_hand():
    run = synthetic([[[0.0, 1.0], [1.0, 5.0]], [[2.0, 2.0], [3.0, 0.0]]], np.log([[1, 2], [3, 4]]))
    assert run.mean() == pytest.approx([2.0, 1.7])
    assert run.mean(weighted=False) == pytest.approx([1.5, 2.0])
    assert run.mean(lambda x: x[:, 0] ** 2) == pytest.approx(5.0)
    assert run.mean(lambda x: x[:, 0] > 1.5, weighted=False) == pytest.approx(0.5)
    assert run.weights() == pytest.approx(np.array([[0.1, 0.2], [0.3, 0.4]]))
    assert run.weights(weighted=False) == pytest.approx(np.full((2, 2), 0.25))
    assert run.effective_sample_size() == pytest.approx(1 / 0.3)
    assert (run.chains, run.draws, run.dim) == (2, 2, 2)


def test_resample_shape_and_bits():
    run = sample("contour_sgld")
    draws = run.resample(37, 1)
    assert draws.shape == (37, 2)
    assert (draws == run.resample(37, 1)).all()
    assert (draws != run.resample(37, 2)).any()
    drawn = {tuple(x) for x in run.positions.reshape(-1, 2)}
    assert {tuple(x) for x in draws} <= drawn


def test_resample_is_unbiased():
    run = synthetic([[[0.0], [1.0]], [[2.0], [3.0]]], np.log([[1, 2], [3, 4]]))
    seeds, n = 4000, 3
    draws = np.array([run.resample(n, seed)[:, 0] for seed in range(seeds)]).astype(int)
    share = np.bincount(draws.ravel(), minlength=4) / seeds
    expected = n * np.array([0.1, 0.2, 0.3, 0.4])
    fraction = expected % 1
    assert (np.abs(share - expected) < 4 * np.sqrt(fraction * (1 - fraction) / seeds)).all()


# --- history of the energy PDF --------------------------------------------------------------------


@pytest.mark.parametrize("bins", [2, 3, 100, 999, 1000, 1001, 2500, 100_000, 1_000_000])
@pytest.mark.parametrize("steps", [50, 30_000])
def test_energy_pdf_history(bins, steps):
    run = sample(
        "contour_sgld", steps=steps, partition=cc.EnergyPartition(-8.0, 20.0, bins), thin=10
    )
    history = run.energy_pdf_history
    snapshots, cells = history.shape
    assert 1 <= snapshots <= 200
    assert cells == bins if bins <= 1000 else 500 <= cells <= 1000
    assert history.sum(axis=1) == pytest.approx(np.ones(snapshots), abs=1e-12)
    assert run.energy_pdf_histories.shape == (2, snapshots, cells)
    assert run.history_steps.shape == (snapshots,)
    assert (np.diff(run.history_steps) > 0).all()
    assert run.history_steps[-1] == steps
    starts = np.arange(0, bins, math.ceil(bins / 1000))
    assert history[-1] == pytest.approx(np.add.reduceat(run.energy_pdf, starts), abs=1e-12)


def test_a_long_history_has_200_snapshots():
    run = sample("contour_sgld", steps=30_000)
    assert run.history_steps.tolist() == list(range(150, 30_001, 150))


def test_energy_pdf_is_the_mean_over_chains():
    run = sample("contour_sgld")
    assert run.energy_pdfs.shape == (2, 100)
    assert run.energy_pdf == pytest.approx(run.energy_pdfs.mean(axis=0))
    assert run.energy_pdfs.sum(axis=1) == pytest.approx([1.0, 1.0], abs=1e-12)
