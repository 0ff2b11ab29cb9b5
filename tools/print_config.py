"""Prints a config with everything it inherits, and checks its names.

python tools/print_config.py CONFIG --cfg-options optim_wrapper.optimizer.lr=1e-5
"""

import argparse

from mmtmt.engine.config_check import ConfigError, check_config
from mmtmt.engine.launch import add_cfg_options, read_config, run_tool


def main() -> None:
    """Print the config of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file, or mmtmt::folder/name.py')
    parser.add_argument('--key', help='print this part only, such as model.decoder')
    add_cfg_options(parser)
    args = parser.parse_args()
    cfg = read_config(args.config, args.cfg_options)
    check_config(cfg)
    if args.key is None:
        print(cfg.pretty_text)
        return
    part = cfg
    for name in args.key.split('.'):
        try:
            part = part[int(name)] if name.isdecimal() else part[name]
        except (KeyError, IndexError, TypeError):
            known = sorted(part) if isinstance(part, dict) else type(part).__name__
            raise ConfigError(f'--key {args.key}: no {name!r} in {known}') from None
    print(part)


if __name__ == '__main__':
    run_tool(main)
