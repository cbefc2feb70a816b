"""The choice of the picture's layer among many channels."""

from __future__ import annotations

import pytest

from stcolor_core.images.plate_layers import describe_lack, list_layers, select_layer


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        pytest.param("R G B A", "R G B", id="rgba"),
        pytest.param("A B G R", "R G B", id="the order in the file does not matter"),
        pytest.param("Y", "Y", id="luminance"),
        pytest.param("A Y", "Y", id="luminance after alpha"),
        pytest.param("Z R G B diffuse.R diffuse.G diffuse.B", "R G B", id="the picture before its passes"),
        pytest.param(
            "Z diffuse.B diffuse.G diffuse.R spec.R spec.G spec.B", "diffuse.R diffuse.G diffuse.B", id="layer"
        ),
        pytest.param(
            "albedo.R albedo.G albedo.B beauty.R beauty.G beauty.B", "beauty.R beauty.G beauty.B", id="beauty"
        ),
        pytest.param("a.R a.G a.B C.R C.G C.B", "C.R C.G C.B", id="C"),
        pytest.param("a.R a.G a.B rgba.Y", "rgba.Y", id="a grey beauty"),
        pytest.param(
            "L.AO.R L.AO.G L.AO.B L.Combined.R L.Combined.G L.Combined.B",
            "L.Combined.R L.Combined.G L.Combined.B",
            id="the word in a longer name",
        ),
        pytest.param("main.R main.G main.B Y", "Y", id="bare luminance before any layer"),
        pytest.param("spec.R spec.G spec.B Diff.R Diff.G Diff.B", "Diff.R Diff.G Diff.B", id="by name"),
        pytest.param("cryptic.R cryptic.G cryptic.B", "cryptic.R cryptic.G cryptic.B", id="no ids"),
        pytest.param("rgba.red rgba.green rgba.blue rgba.alpha", "rgba.red rgba.green rgba.blue", id="long names"),
        pytest.param("motion.x motion.y luma", "motion.x", id="y of a vector is not luminance"),
        pytest.param("A R", "R", id="red alone"),
        pytest.param("A", "A", id="alpha alone"),
        pytest.param("roto.alpha matte", "matte", id="not the alpha of a layer"),
    ],
)
def test_the_channels_of_the_picture_are_found_by_name(names: str, chosen: str) -> None:
    assert list_layers([(0, "", names.split())])[0].picture == tuple(chosen.split())


def test_ids_come_last_and_are_not_a_picture() -> None:
    channels = ["crypto00.R", "crypto00.G", "crypto00.B", "rc_ab.u", "rc_ab.v"]
    layers = list_layers([(0, "", channels)], ids=["crypto"])
    assert [layer.name for layer in layers] == ["rc_ab", "crypto00"] and not any(layer.is_picture for layer in layers)


def test_the_name_of_a_part_takes_precedence_as_layer_over_that_of_its_channels() -> None:
    parts = [
        (0, "rgba", ["R", "G", "B", "spec.R", "spec.G", "spec.B"]),
        (1, "N", ["N.X", "N.Y", "N.Z"]),
        (2, "", ["Y"]),
    ]
    assert [(layer.name, layer.part) for layer in list_layers(parts)] == [
        ("", 2),
        ("rgba", 0),
        ("rgba.spec", 0),
        ("N", 1),
    ]


def test_an_exact_layer_name_takes_precedence_over_one_in_another_case() -> None:
    layers = list_layers([(0, "", ["Spec.R", "spec.R", "a.R"])])
    assert [getattr(select_layer(layers, name), "name", None) for name in ("Spec", "spec", "SPEC", "b")] == [
        "Spec", "spec", "Spec", None
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "lack"),
    [
        ("R G", "has R and G, but no B,"),
        ("A R", "has R, but no G and B,"),
        ("key.red key.blue", "has key.red and key.blue, but no G,"),
        ("R G B A", ""),
        ("Y", ""),
        ("Z A", ""),
        ("R Y", ""),
        ("motion.x motion.y", ""),
    ],
)
def test_a_layer_with_one_or_two_of_red_green_and_blue_lacks_the_others(names: str, lack: str) -> None:
    channels = names.split()
    (layer, *_) = list_layers([(0, "", channels)])
    described = describe_lack(channels, layer.picture)
    assert described.startswith(lack) and bool(described) == bool(lack)
