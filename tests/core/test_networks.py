import numpy as np

from napari_connectome.core.networks import network_seeds


def test_eight_networks_with_two_to_five_nodes_each():
    seeds = network_seeds()
    assert list(seeds.columns) == ["network", "name", "x", "y", "z"]
    sizes = seeds.groupby("network", sort=False).size()
    assert len(sizes) == 8
    assert sizes.between(2, 5).all()
    assert seeds["name"].is_unique
    assert {"default mode", "salience", "visual", "somatomotor", "auditory", "dorsal attention"} <= set(sizes.index)


def test_left_is_negative_and_right_is_positive():
    seeds = network_seeds()
    left, right = seeds["name"].str.startswith("L "), seeds["name"].str.startswith("R ")
    assert (seeds["x"][left] < -20).all()
    assert (seeds["x"][right] > 20).all()
    assert (seeds["x"][~left & ~right].abs() < 5).all()


def test_the_posterior_cingulate_is_where_the_gallery_has_it():
    pcc = network_seeds().set_index("name").loc["PCC"]
    assert tuple(pcc[["x", "y", "z"]]) == (0, -52, 18)


def test_nodes_of_different_networks_are_apart():
    seeds = network_seeds()
    places = seeds[["x", "y", "z"]].to_numpy()
    apart = np.linalg.norm(places[:, None] - places, axis=-1)
    other = seeds["network"].to_numpy()[:, None] != seeds["network"].to_numpy()
    assert apart[other].min() > 15


def test_the_table_is_the_callers_own():
    mine = network_seeds()
    mine["x"] = 99.0
    assert network_seeds()["x"].max() < 99
