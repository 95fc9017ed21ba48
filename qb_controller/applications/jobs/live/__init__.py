"""Jobs that are really run: cut, sent to QPU workers, put together, kept in a file.

==================  ==============================================================================
:mod:`.submission`  what a client sends, checked field by field
:mod:`.planning`    its circuit as ways to serve it
:mod:`.devices`     the QPUs there are, with their time models
:mod:`.running`     a job under way: shots dealt out, taken, given back, counted
:mod:`.floor`       QPUs at work and their queues
:mod:`.store`       jobs and counts in SQLite; a restart forgets none
:mod:`.too_late`    whether a new job can be served by its deadline
:mod:`.open_jobs`   jobs that are not over, in memory and in the store
:mod:`.orders`      shots of jobs to QPU workers and back
:mod:`.engine`      answers clients, hears workers, asks the scheduler
:mod:`.opening`     an engine with its fleet, workers and schedulers
:mod:`.advice`      a plan for an earlier state, brought up to date
:mod:`.relay`       contested schedules, put to the policy by way of the controller
:mod:`.telling`     a job as the rows and objects that people read
:mod:`.desk`        requests with JSON bodies in, status codes and JSON out
==================  ==============================================================================
"""
