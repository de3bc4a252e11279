"""ABC, the notation of folk tunes as text: tokens, tune books, and what makes a tune well formed.

Source: the ABC music standard 2.1, https://abcnotation.com/wiki/abc:standard:v2.1; the tokens are
those of Sturm et al. 2016, https://arxiv.org/abs/1604.08723, with the unit note length added, which
in their tunes was always an eighth.
"""
