import { allowance, GATED, type Gates } from '../tools/ci/index.ts';
import type { CommandCall, OptionDef } from './command.ts';
import { usageError } from './exit.ts';

/** Options of `beeyard ci` and `beeyard ci merge`: what is held against what, and written where. */
export const CI_OPTIONS: Readonly<Record<string, OptionDef>> = {
  baseline: { type: 'string', value: 'FILE', help: 'results to hold these against (.json, .csv)' },
  'write-baseline': { type: 'string', value: 'FILE', help: 'keep these results as the baseline' },
  gate: {
    type: 'string',
    multiple: true,
    value: 'NAME=MAX',
    help: 'insns=10%, states=10%, stack=0, verdict=same|success',
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

/** --gate insns=10%, --gate verdict=success. */
export function gatesOf(call: CommandCall, given: Gates): Gates {
  let gates = given;
  for (const text of call.list('gate')) {
    const [name = '', value = ''] = text.split('=');
    const figure = GATED.find((one) => one === name);
    if (figure) {
      const allowed = allowance(value, `--gate ${text}`);
      gates = { ...gates, figures: { ...gates.figures, [figure]: allowed } };
    } else if (name === 'verdict' && (value === 'same' || value === 'success')) {
      gates = { ...gates, verdict: value };
    } else {
      throw usageError(`--gate takes ${GATED.join('=…, ')}=…, verdict=same|success, not '${text}'`);
    }
  }
  return gates;
}
