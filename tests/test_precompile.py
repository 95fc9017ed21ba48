import os

from qb_controller.precompile import forget_stale


def test_loops_compiled_before_any_loop_changed_are_forgotten(tmp_path):
    cache = tmp_path / "part" / "__pycache__"
    cache.mkdir(parents=True)
    loops, plain = tmp_path / "loops.py", tmp_path / "plain.py"
    loops.write_text("@njit(cache=True)\ndef f(): ...\n")
    plain.write_text("def g(): ...\n")
    old, new = cache / "caller.f-1.nbi", cache / "caller.f-1.1.nbc"
    for at, path in ((100, old), (200, loops), (300, new), (400, plain)):
        path.touch()
        os.utime(path, (at, at))
    assert forget_stale((tmp_path,)) == 1
    assert not old.exists() and new.exists() and loops.exists()
    assert forget_stale((tmp_path,)) == 0
