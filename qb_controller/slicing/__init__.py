"""Slices on the controller's side: what was asked for, what became of it, what was delivered.

:mod:`.control` asks for decisions and has them carried out, :mod:`.book` holds all slices in memory
and :mod:`.store` on disk alike, :mod:`.assurance` compares what slices get with what they were
promised. Nothing here holds a socket or waits; the time is passed in.
"""
