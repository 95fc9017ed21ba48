"""Built-in topologies: published backbones typed in as data, and generated families."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from topologies.graph import MAX_SWITCHES, Node, Topology, both_ways, fibre_delay

Site = tuple[str, float, float]

# Internet2's Abilene of 2004 with the site names, coordinates and pre-installed capacities
# (Mbit/s: OC-192, one OC-48) of SNDlib's instance "abilene" (Orlowski et al., Networks 2010).
ABILENE_SITES: Sequence[Site] = (
    ("ATLAM5", -84.3833, 33.75),
    ("ATLAng", -85.50, 34.50),
    ("CHINng", -87.6167, 41.8333),
    ("DNVRng", -105.00, 40.75),
    ("HSTNng", -95.517364, 29.770031),
    ("IPLSng", -86.159535, 39.780622),
    ("KSCYng", -96.596704, 38.961694),
    ("LOSAng", -118.25, 34.05),
    ("NYCMng", -73.9667, 40.7833),
    ("SNVAng", -122.02553, 37.38575),
    ("STTLng", -122.30, 47.60),
    ("WASHng", -77.026842, 38.897303),
)
ABILENE_LINKS = """
ATLAM5-ATLAng ATLAng-HSTNng ATLAng-IPLSng:2480 ATLAng-WASHng CHINng-IPLSng CHINng-NYCMng
DNVRng-KSCYng DNVRng-SNVAng DNVRng-STTLng HSTNng-KSCYng HSTNng-LOSAng IPLSng-KSCYng
LOSAng-SNVAng NYCMng-WASHng SNVAng-STTLng
"""

# The NSFNET T1 backbone of 1991 (14 nodes, 21 links of 1.544 Mbit/s) as the optical-networking
# literature uses it; coordinates are those of the cities.
NSFNET_SITES: Sequence[Site] = (
    ("Seattle", -122.33, 47.61),
    ("PaloAlto", -122.14, 37.44),
    ("SanDiego", -117.16, 32.72),
    ("SaltLakeCity", -111.89, 40.76),
    ("Boulder", -105.27, 40.01),
    ("Houston", -95.36, 29.76),
    ("Lincoln", -96.67, 40.81),
    ("Champaign", -88.24, 40.12),
    ("Pittsburgh", -80.00, 40.44),
    ("Atlanta", -84.39, 33.75),
    ("AnnArbor", -83.74, 42.28),
    ("Ithaca", -76.50, 42.44),
    ("Princeton", -74.66, 40.35),
    ("CollegePark", -76.94, 38.98),
)
NSFNET_LINKS = """
Seattle-PaloAlto Seattle-SanDiego Seattle-Champaign PaloAlto-SanDiego PaloAlto-SaltLakeCity
SanDiego-Houston SaltLakeCity-Boulder SaltLakeCity-AnnArbor Boulder-Houston Boulder-Lincoln
Houston-Atlanta Houston-CollegePark Lincoln-Champaign Champaign-Pittsburgh Pittsburgh-Atlanta
Pittsburgh-Ithaca Pittsburgh-Princeton AnnArbor-Ithaca AnnArbor-Princeton Ithaca-CollegePark
Princeton-CollegePark
"""

# Google's B4: 12 sites and 19 links of Figure 1 in Jain et al., SIGCOMM 2013, numbered as there
# from 1. The paper gives continents, neither places nor capacities: the coordinates are those of
# data centres the company names, spread in the order of the figure, and only set delays; the
# capacities are taken as equal.
B4_SITES: Sequence[Site] = (
    ("b1", 120.5, 24.1),
    ("b2", 103.7, 1.3),
    ("b3", -121.2, 45.6),
    ("b4", -95.9, 41.2),
    ("b5", -95.3, 36.2),
    ("b6", -119.8, 39.5),
    ("b7", -84.7, 33.7),
    ("b8", -81.5, 35.9),
    ("b9", 27.1, 60.5),
    ("b10", 3.9, 50.5),
    ("b11", -6.4, 53.3),
    ("b12", 6.8, 53.4),
)
B4_LINKS = """
b1-b2 b1-b3 b2-b5 b3-b4 b3-b6 b4-b5 b4-b7 b4-b8 b5-b6
b6-b7 b6-b8 b7-b8 b7-b11 b8-b10 b9-b10 b9-b11 b10-b11
b10-b12 b11-b12
"""

# The pan-European research network GEANT with its New York node: sites, coordinates, links and
# the 40 Gbit/s module of SNDlib's instance "geant".
GEANT_SITES: Sequence[Site] = (
    ("at", 16.3729, 48.2091),
    ("be", 4.3518, 50.8469),
    ("ch", 6.1399, 46.2038),
    ("cz", 14.4423, 50.0785),
    ("de", 8.6842, 50.1122),
    ("es", -3.7033, 40.4167),
    ("fr", 2.351, 48.8566),
    ("gr", 23.5808, 37.9778),
    ("hr", 15.9644, 45.8071),
    ("hu", 19.0936, 47.4976),
    ("ie", -6.2573, 53.3416),
    ("il", 34.8097, 32.0714),
    ("it", 9.19, 45.4642),
    ("lu", 6.1296, 49.6112),
    ("nl", 4.9407, 52.3236),
    ("ny", -73.94384, 40.6698),
    ("pl", 16.8874, 52.3963),
    ("pt", -9.1363, 38.7073),
    ("se", 17.8742, 59.3617),
    ("si", 14.5148, 46.0574),
    ("sk", 17.1297, 48.1531),
    ("uk", -0.1264, 51.5086),
)
GEANT_LINKS = """
at-ch at-de at-hu at-ny at-si be-fr be-lu be-nl ch-fr ch-it cz-de cz-pl cz-sk de-fr de-gr de-ie
de-it de-nl de-se es-fr es-it es-pt fr-lu fr-uk gr-it hr-hu hr-si hu-sk ie-uk il-it il-nl nl-uk
ny-uk pl-se pt-uk se-uk
"""


def abilene() -> Topology:
    """Abilene, 12 sites and 15 links."""
    return _backbone("abilene", ABILENE_SITES, ABILENE_LINKS, 9920e6)


def nsfnet() -> Topology:
    """NSFNET T1, 14 sites and 21 links."""
    return _backbone("nsfnet", NSFNET_SITES, NSFNET_LINKS, 1.544e6)


def b4() -> Topology:
    """B4, 12 sites and 19 links of equal capacity."""
    return _backbone("b4", B4_SITES, B4_LINKS, 100e9)


def geant() -> Topology:
    """GEANT, 22 sites and 36 links of equal capacity."""
    return _backbone("geant", GEANT_SITES, GEANT_LINKS, 40e9)


def fattree(k: int = 4) -> Topology:
    """Fat tree of k-port switches (Al-Fares et al., SIGCOMM 2008): 5k²/4 switches, k³/2 links.

    Order: (k/2)² core switches, then for each of the k pods k/2 aggregation and k/2 edge
    switches. All links carry 1 Gbit/s and have no delay.
    """
    if k < 2 or k % 2:
        raise ValueError(f"fattree:{k}: k must be even and at least 2")
    half = k // 2
    _limit(f"fattree:{k}", 5 * half * half)
    names = [f"core{i}" for i in range(half * half)]
    links: list[tuple[int, int, float, float]] = []
    for pod in range(k):
        first = len(names)
        names += [f"agg{pod}.{i}" for i in range(half)] + [f"edge{pod}.{i}" for i in range(half)]
        for a in range(half):
            links += [(a * half + c, first + a, 1e9, 0.0) for c in range(half)]
            links += [(first + a, first + half + e, 1e9, 0.0) for e in range(half)]
    return Topology(f"fattree:{k}", tuple(Node(name) for name in names), both_ways(links))


def ring(n: int = 6) -> Topology:
    """Make a ring of n switches with links of 1 Gbit/s and 1 ms."""
    if n < 3:
        raise ValueError(f"ring:{n}: a ring has at least 3 switches")
    _limit(f"ring:{n}", n)
    links = [(i, (i + 1) % n, 1e9, 1e-3) for i in range(n)]
    return Topology(f"ring:{n}", tuple(Node(f"r{i + 1}") for i in range(n)), both_ways(links))


def diamond() -> Topology:
    """Four switches: left and right joined by an upper and a lower way of equal length."""
    names = ("left", "up", "down", "right")
    links = [(0, 1, 1e9, 1e-3), (0, 2, 1e9, 1e-3), (1, 3, 1e9, 1e-3), (2, 3, 1e9, 1e-3)]
    return Topology("diamond", tuple(Node(name) for name in names), both_ways(links))


FIXED: dict[str, Callable[[], Topology]] = {
    "abilene": abilene,
    "nsfnet": nsfnet,
    "b4": b4,
    "geant": geant,
    "diamond": diamond,
}
SIZED: dict[str, Callable[[int], Topology]] = {"fattree": fattree, "ring": ring}
DEFAULT_SIZE = {"fattree": 4, "ring": 6}
NAMES = (*FIXED, "fattree:k", "ring:n")


def by_name(name: str) -> Topology | None:
    """Build the topology of a name such as ``abilene`` or ``ring:8``; None where none has it.

    Raises
    ------
    ValueError
        The name is known and its size is not a number, out of range, or not wanted.
    """
    base, colon, size = name.partition(":")
    if base in FIXED:
        if colon:
            raise ValueError(f"{name}: {base} has no size")
        return FIXED[base]()
    if base not in SIZED:
        return None
    if not colon:
        return SIZED[base](DEFAULT_SIZE[base])
    if not size.isdecimal():
        raise ValueError(f"{name}: {size!r} is not a whole number")
    return SIZED[base](int(size))


def _backbone(name: str, sites: Sequence[Site], links: str, capacity: float) -> Topology:
    """Data above to topology: ``A-B`` or ``A-B:Mbit/s`` words, delays by the great circle."""
    nodes = tuple(Node(*site) for site in sites)
    index = {node.name: i for i, node in enumerate(nodes)}
    rows = []
    for word in links.split():
        first, second = word.split("-")
        second, _, mbit = second.partition(":")
        a, b = index[first], index[second]
        rows.append(
            (a, b, float(mbit) * 1e6 if mbit else capacity, fibre_delay(nodes[a], nodes[b]))
        )
    return Topology(name, nodes, both_ways(rows))


def _limit(name: str, switches: int) -> None:
    if switches > MAX_SWITCHES:
        raise ValueError(f"{name}: {switches} switches, possible are 1 to {MAX_SWITCHES}")
