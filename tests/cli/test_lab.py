def test_the_list_names_every_study_with_its_title(call):
    status, out, _ = call("lab")

    lines = out.splitlines()
    assert status == 0
    assert any(line.startswith("coin ") and "likeliest" in line for line in lines)
    assert len(lines) > 20


def test_a_study_prints_published_numbers_beside_exact_ones(call, tmp_path):
    status, out, _ = call("lab", "coin", "-o", tmp_path / "lab")

    assert status == 0
    assert "exact 0.003340865, published 3.33e-03" in out
    assert "Found: " in out
    assert (tmp_path / "lab" / "index.md").is_file()


def test_a_misspelt_study_is_met_with_the_nearest_name(call, tmp_path):
    status, out, err = call("lab", "anulus", "-o", tmp_path / "lab")

    assert status == 2
    assert "the lab has no study 'anulus': did you mean 'annulus'?" in err
    assert not out
