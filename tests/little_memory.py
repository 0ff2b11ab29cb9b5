"""Runs a function in a process that can't take much more memory than it has."""

import gc
import multiprocessing
import resource


def in_little_memory(function, *args, megabytes=128, seconds=60):
    """The function's result, or what it raised; forked, since importing torch takes long.

    Fails if the process dies, runs out of memory or takes too long.
    """
    context = multiprocessing.get_context('fork')
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(there, function, args, megabytes), daemon=True)
    child.start()
    there.close()
    try:
        assert here.poll(seconds), f'{function} took more than {seconds} s'
        kind, value = here.recv()
    except EOFError:
        raise AssertionError(f'{function}: the process died') from None
    finally:
        child.kill()
        child.join()
    if kind == 'raised':
        raise value
    return value


def _run(pipe, function, args, megabytes):
    # What the parent has left to the garbage collector stays: a video's threads, which are not
    # there after a fork, can't be waited for.
    gc.freeze()
    with open('/proc/self/statm') as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    limit = now + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        answer = 'returned', function(*args)
    except BaseException as error:
        answer = 'raised', error
    pipe.send(answer)
