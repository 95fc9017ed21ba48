"""Jobs that are really run: cut, sent to QPU workers, put together, kept in a file.

==================  ==============================================================================
:mod:`.submission`  what a client sends, checked field by field
:mod:`.planning`    its circuit as ways to serve it
:mod:`.devices`     the QPUs there are, with their time models
:mod:`.running`     a job under way: shots dealt out, taken, given back, counted
:mod:`.floor`       QPUs at work and their queues
:mod:`.store`       jobs and counts in SQLite; a restart forgets none
:mod:`.engine`      asks the scheduler, feeds the workers, hears them
:mod:`.telling`     a job as the rows and objects that people read
:mod:`.desk`        requests with JSON bodies in, status codes and JSON out
==================  ==============================================================================
"""
