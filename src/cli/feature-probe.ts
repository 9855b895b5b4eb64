import { loadKernelProfile } from '../abi/index.ts';
import { type KernelFeatures, probeFeatures } from '../tools/features/probe.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import type { CliIo } from './io.ts';
import { didYouMean } from './suggest.ts';
import { toJson } from './values.ts';

const WORDS = ['kernel', 'full', 'macros', 'prefix'];

interface ProbeWords {
  readonly full: boolean;
  /** What macros begin with; undefined: no macros. */
  readonly prefix: string | undefined;
}

/** `beeyard feature probe`: what Linux 6.12 has, found as bpftool finds it, in its words. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const { full, prefix } = probeWords(call.operands);
  const features = probeFeatures(await loadKernelProfile(), full);
  if (call.json) io.out(`${toJson(featuresJson(features), call.flag('pretty'))}\n`);
  else io.out(prefix === undefined ? plainText(features) : macros(features, prefix));
  return EXIT.ok;
}

function probeWords(operands: readonly string[]): ProbeWords {
  const words = [...operands];
  let full = false;
  let prefix: string | undefined;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const known = word === '' ? undefined : WORDS.find((one) => one.startsWith(word!));
    if (known === undefined) {
      throw usageError(`probe takes ${WORDS.join(', ')}, not '${word}'${didYouMean(word, WORDS)}`);
    }
    if (known === 'full') full = true;
    if (known === 'macros') prefix ??= '';
    if (known !== 'prefix') continue;
    if (prefix === undefined) throw usageError("'prefix' comes after 'macros'");
    prefix = words.shift();
    if (prefix === undefined) throw usageError("'prefix' needs a text");
  }
  return { full, prefix };
}

function featuresJson({ config, programTypes, mapTypes, helpers, misc }: KernelFeatures): object {
  const keyed = <T>(items: readonly (readonly [string, T])[], key: (name: string) => string) =>
    Object.fromEntries(items.map(([name, value]) => [key(name), value]));
  return {
    system_config: Object.fromEntries(config.map(([name, value]) => [name, value ?? null])),
    syscall_config: { have_bpf_syscall: true },
    program_types: keyed(programTypes, (type) => `have_${type}_prog_type`),
    map_types: keyed(mapTypes, (type) => `have_${type}_map_type`),
    helpers: keyed(helpers, (type) => `${type}_available_helpers`),
    misc: Object.fromEntries(misc.map(({ key, available }) => [`have_${key}`, available])),
  };
}

const is = (words: string, available: boolean): string =>
  `${words} is ${available ? '' : 'NOT '}available\n`;

function plainText({ config, programTypes, mapTypes, helpers, misc }: KernelFeatures): string {
  const options = config.map(([name, value]) =>
    value === undefined ? `${name} is not set\n` : `${name} is set to ${value}\n`,
  );
  const lists = helpers.map(([type, names]) => {
    const list = names.map((name) => `\n\t- ${name}`).join('');
    const none = names.length === 0 ? '\tCould not determine which helpers are available\n' : '';
    return `eBPF helpers supported for program type ${type}:${list}\n${none}`;
  });
  return [
    ['Scanning system configuration...\n', ...options],
    ['Scanning system call availability...\n', is('bpf() syscall', true)],
    [
      'Scanning eBPF program types...\n',
      ...programTypes.map(([type, there]) => is(`eBPF program_type ${type}`, there)),
    ],
    [
      'Scanning eBPF map types...\n',
      ...mapTypes.map(([type, there]) => is(`eBPF map_type ${type}`, there)),
    ],
    ['Scanning eBPF helper functions...\n', ...lists],
    [
      'Scanning miscellaneous eBPF features...\n',
      ...misc.map(({ words, available }) => is(words, available)),
    ],
  ]
    .map((section) => section.join(''))
    .join('\n')
    .concat('\n');
}

/** Preprocessor macros: bpftool's HAVE_ and NO_ words. */
function macros(features: KernelFeatures, prefix: string): string {
  const { config, programTypes, mapTypes, helpers, misc } = features;
  const have = (name: string, there: boolean) =>
    `#define ${prefix}${there ? '' : 'NO_'}HAVE_${name.toUpperCase()}\n`;
  const hz = config.find(([name]) => name === 'CONFIG_HZ')?.[1];
  const called = new Set(
    helpers.flatMap(([type, names]) => names.map((name) => `${type} ${name}`)),
  );
  const all = [...new Set(helpers.flatMap(([, names]) => names))];
  return [
    '/*** Misc kernel config items ***/\n',
    hz === undefined
      ? `/* ${prefix}CONFIG_HZ is not set */\n`
      : `#define ${prefix}CONFIG_HZ ${hz}\n`,
    '\n/*** System call availability ***/\n',
    have('bpf_syscall', true),
    '\n/*** eBPF program types ***/\n',
    ...programTypes.map(([type, there]) => have(`${type}_prog_type`, there)),
    '\n/*** eBPF map types ***/\n',
    ...mapTypes.map(([type, there]) => have(`${type}_map_type`, there)),
    '\n/*** eBPF helper functions ***/\n',
    `#define ${prefix}HAVE_PROG_TYPE_HELPER(prog_type, helper)\t\\\n`,
    `\t${prefix}BPF__PROG_TYPE_ ## prog_type ## __HELPER_ ## helper\n`,
    ...helpers.flatMap(([type]) =>
      all.map((name) => {
        const there = called.has(`${type} ${name}`) ? 1 : 0;
        return `#define ${prefix}BPF__PROG_TYPE_${type}__HELPER_${name} ${there}\n`;
      }),
    ),
    '\n/*** eBPF misc features ***/\n',
    ...misc.map(({ key, available }) => have(key, available)),
    '\n',
  ].join('');
}
