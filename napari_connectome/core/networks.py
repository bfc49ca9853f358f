"""Where the well-known networks are: seeds that people type from memory."""

from __future__ import annotations

import pandas as pd

_SEEDS: dict[str, dict[str, tuple[float, float, float]]] = {
    "default mode": {"PCC": (0, -52, 18), "mPFC": (1, 50, -5), "L IPL": (-46, -68, 32), "R IPL": (46, -68, 32)},
    "salience": {"dACC": (0, 22, 35), "L aINS": (-35, 20, 0), "R aINS": (36, 22, 3)},
    "visual": {"V1": (2, -79, 12), "L LOC": (-37, -79, 10), "R LOC": (38, -72, 13)},
    "somatomotor": {"L M1": (-40, -19, 54), "R M1": (38, -17, 45), "SMA": (-3, 2, 53)},
    "auditory": {"L A1": (-49, -26, 5), "R A1": (58, -16, 7)},
    "dorsal attention": {"L FEF": (-27, -9, 64), "R FEF": (30, -6, 64), "L IPS": (-39, -43, 52), "R IPS": (39, -42, 54)},
    "frontoparietal": {"L dlPFC": (-43, 33, 28), "R dlPFC": (41, 38, 30), "L PPC": (-46, -58, 49), "R PPC": (52, -52, 45)},
    "language": {"L IFG": (-51, 26, 2), "L pSTG": (-57, -47, 15)},
}


def network_seeds() -> pd.DataFrame:
    """Return well-known seeds of eight networks, in MNI mm.

    Returns
    -------
    DataFrame
        Columns network, name, x, y, z; one row a seed, the networks together and in a fixed order. Names are unique.

    Notes
    -----
    They are places to start from, good to about a centimetre: people differ, and so do published tables.

    * Default mode: the four centres of nilearn's example gallery, long in use there for seed maps and sphere-based
      connectomes; its "temporo-parietal junctions" are named L and R IPL here, as most papers would.
    * Auditory, somatomotor, and the insular seeds of the salience network: regions of the 264 of Power et al. 2011
      (Functional network organization of the human brain, Neuron 72), chosen from those that lie in Heschl's gyrus, in
      the hand area, in the supplementary motor area and in the anterior insula. The short names are ours.
    * Anterior cingulate, visual, dorsal attention and frontoparietal: the network regions that come with the CONN
      toolbox (Whitfield-Gabrieli & Nieto-Castanon 2012), from an ICA of 497 subjects of the Human Connectome Project.
    * Language: CONN's, the left side only, where the network is stronger in most people.
    """
    rows = [(network, name, *place) for network, nodes in _SEEDS.items() for name, place in nodes.items()]
    return pd.DataFrame(rows, columns=["network", "name", "x", "y", "z"]).astype({"x": float, "y": float, "z": float})
