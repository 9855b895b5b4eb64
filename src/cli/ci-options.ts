import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { FormatError } from '../base/index.ts';
import {
  type Allowance,
  allowance,
  type CiConfig,
  GATED,
  type Gates,
  readConfig,
} from '../tools/ci/index.ts';
import type { CommandCall, OptionDef } from './command.ts';
import { usageError } from './exit.ts';
import { readBytes } from './files.ts';
import type { CliIo } from './io.ts';

/** What is read when nothing else is named. */
export const CONFIG = 'beeyard-ci.yaml';

/** Options of `beeyard ci` and `beeyard ci merge`: what is held against what, and written where. */
export const CI_OPTIONS: Readonly<Record<string, OptionDef>> = {
  config: { type: 'string', value: 'FILE', help: 'default beeyard-ci.yaml, if it is there' },
  baseline: { type: 'string', value: 'FILE', help: 'results to hold these against (.json, .csv)' },
  'write-baseline': { type: 'string', value: 'FILE', help: 'keep these results as the baseline' },
  gate: {
    type: 'string',
    multiple: true,
    value: 'NAME=MAX',
    help: 'insns=10%, states=10%, stack=0, verdict=same|success',
  },
  denylist: {
    type: 'string',
    multiple: true,
    value: 'FILE',
    help: 'known failures, as the DENYLIST of BPF CI: said, and no failure of the run',
  },
  csv: {
    type: 'string',
    value: 'FILE',
    help: "veristat's table; {kernel} and {shape} in its name",
  },
  junit: { type: 'string', value: 'FILE', help: 'JUnit XML' },
  sarif: { type: 'string', value: 'FILE', help: 'findings with source lines, for code scanning' },
  markdown: { type: 'string', value: 'FILE', help: 'a summary for a pull request' },
};

/** The file of settings, if one is named or lies where the command runs. */
export function configFile(call: CommandCall, io: CliIo): CiConfig | undefined {
  const path = call.text('config') ?? (existsSync(resolve(io.cwd, CONFIG)) ? CONFIG : undefined);
  return path === undefined
    ? undefined
    : readConfig(new TextDecoder().decode(readBytes(path, io)), path);
}

function amountOf(value: string, text: string): Allowance {
  try {
    return allowance(value, text);
  } catch (error) {
    if (error instanceof FormatError) throw usageError(`--gate ${text}: ${error.reason}`);
    throw error;
  }
}

/** --gate insns=10%, --gate verdict=success. */
export function gatesOf(call: CommandCall, given: Gates): Gates {
  let gates = given;
  for (const text of call.list('gate')) {
    const [name = '', value = ''] = text.split('=');
    const figure = GATED.find((one) => one === name);
    if (figure) {
      const allowed = amountOf(value, text);
      gates = { ...gates, figures: { ...gates.figures, [figure]: allowed } };
    } else if (name === 'verdict' && (value === 'same' || value === 'success')) {
      gates = { ...gates, verdict: value };
    } else {
      throw usageError(`--gate takes ${GATED.join('=…, ')}=…, verdict=same|success, not '${text}'`);
    }
  }
  return gates;
}
