import pytest

from typica.core.errors import DataError
from typica.score.abc.books import read_tunes
from typica.score.abc.cleaning import clean, clean_all
from typica.score.abc.keys import read_key

FILE = """L:1/8
% a book

X:1
T:First
T:Also called
M:C|
K:A Dorian
"Am"uA2 {Bc}d-d (3(efg) !trill!a | A/B/ c// ~c3/2B1 x2 \\
| [A2c2] . T(d>e) :|
|: f/ |
P:coda
[1 A :|[2 B ||
w: some words

not of the tune

X:2
M:6/8
L:1/16
K:Em
E3|:"^Segno"[|] G A B :|: e f g =20 ||
K:G
(3:2:2 G2 A = f :|]
"""


def tunes():
    return list(read_tunes(FILE, "book", "file.abc"))


def test_a_book_is_read_tune_by_tune():
    first, second = tunes()

    assert first.titles == ("First", "Also called")
    assert (first.book, first.number) == ("book", "file.abc 1")
    assert first.fields["L"] == "1/8"  # of the whole file
    assert "not of the tune" not in first.body
    assert second.fields["K"] == "Em"


def test_what_does_not_sound_as_written_is_left_out():
    first, second = (" ".join(clean(tune).tokens) for tune in tunes())

    assert first == (
        "M:2/2 L:1/8 K:Ador A 2 d d (3 e f g a | A /2 B /2 c /4 c 3/2 B z 2 | [ A 2 c 2 ] d > e "
        ":: f /2 |1 A :|2 B ||"
    )
    assert second == ("M:6/8 L:1/16 K:Emin E 3 |: G A B :: e f g || K:Gmaj (3:2:2 G 2 A =f :|")


def body_of(text):
    (typed,) = read_tunes(f"X:1\nM:2/4\nL:1/8\nK:G\n{text}")
    return " ".join(clean(typed).tokens[3:])


def test_what_mail_makes_of_a_line_s_end_sharpens_nothing():
    assert body_of("AB cd |=20\nfd ef =\nfd ef |") == "A B c d | f d e f f d e f |"


def test_a_fermata_over_a_bar_line_takes_no_time():
    assert body_of("A2 D2 | D2 Hx :|\n d2 Hx z |]") == "A 2 D 2 | D 2 :| d 2 z z |]"


def test_a_unit_that_is_not_given_is_the_usual_one():
    for meter, unit in (("6/8", "L:1/8"), ("2/4", "L:1/16"), ("C", "L:1/8"), ("none", "L:1/8")):
        (tune,) = read_tunes(f"X:1\nM:{meter}\nK:G\nG|")
        assert clean(tune).tokens[1] == unit


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("M:4/4\nK:G\nV:1\nG A\nV:2\nB c", "several voices"),
        ("M:4/4\nK:G\nG & B", "several voices"),
        ("M:4/4\nT:no key", "no key"),
        ("K:G\nG A", "no metre"),
        ("M:4/4\nK:H\nG A", "is no key"),
        ("M:4/x\nK:G\nG A", "is no metre"),
        ("M:4/4\nK:G\nG A @ B", "'@' at character"),
        ("M:4/4\nK:G\nz4 |", "no notes"),
    ],
)
def test_what_cannot_be_read_is_refused_and_counted(text, reason):
    (tune,) = read_tunes(f"X:1\n{text}")
    with pytest.raises(DataError, match=reason):
        clean(tune)

    cleaned = clean_all([tune, *tunes()])
    assert len(cleaned.tunes) == 2
    assert sum(cleaned.failures.values()) == 1


def test_keys_sharpen_and_flatten_what_they_should():
    assert read_key("G").signature == {"F": 1}
    assert read_key("A Mixolydian").signature == read_key("D").signature == {"F": 1, "C": 1}
    assert read_key("Gm").signature == read_key("Bb").signature == {"B": -1, "E": -1}
    assert read_key("GM").name == "Gmin"  # capitals are of no account, says the standard
    assert read_key("EDor").signature == read_key("D").signature
    assert read_key("C#").signature == dict.fromkeys("FCGDAEB", 1)
    assert read_key("F#min").pitch_class == 6
    assert read_key("Hp").name == "Amix"
    for wrong in ("H", "G#", "Gfoo", ""):
        with pytest.raises(DataError):
            read_key(wrong)


def test_notes_far_below_and_sharp_ones_are_notes():
    (typed,) = read_tunes("X:1\nM:4/4\nL:1/8\nK:C\nC,,2 z6|]\n")

    assert clean(typed).tokens[3:5] == ("C,,", "2")
