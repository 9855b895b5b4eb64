import { loadKernelProfile } from '../abi/index.ts';
import { defaultOptions, setMountOptions } from '../machine/bpffs/mount-options.ts';
import {
  ALL_CAPABILITIES,
  type CapabilitySet,
  type Delegation,
  delegationText,
  parseCapabilities,
  rootOf,
  UserNamespaces,
} from '../security/index.ts';
import { explainToken, type TokenScope, tokenScope } from '../tools/token/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import { readObject } from './files.ts';
import type { CliIo } from './io.ts';
import { formatTable } from './table.ts';
import { toJson } from './values.ts';

/** `token scope OPTIONS [OBJ]`: what the holder of such a token could do. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const [options, file] = call.operands as [string, string?];
  const delegation = delegationFrom(options);
  const caps = call.text('caps');
  const capabilities: CapabilitySet = caps ? parseCapabilities(caps) : ALL_CAPABILITIES;
  const needed =
    file === undefined
      ? undefined
      : explainToken(readObject(file, io), await loadKernelProfile()).delegation;
  const scope = tokenScope(delegation, capabilities, needed);
  if (call.json) io.out(`${toJson(jsonOf(scope, needed), call.flag('pretty'))}\n`);
  else io.out(textOf(scope, io.columns, needed));
  return EXIT.ok;
}

/** Options as of a mount by root. Throws KernelError for those Linux does not take. */
function delegationFrom(text: string): Delegation {
  const { first } = new UserNamespaces();
  const credentials = rootOf(first);
  const options = defaultOptions(credentials);
  setMountOptions(options, text, { credentials, userns: first, first });
  return options.delegate;
}

function jsonOf(scope: TokenScope, needed: Delegation | undefined) {
  return {
    maps: scope.maps,
    programs: scope.programs.map(({ type, attachTypes, wholeMachine }) => ({
      type,
      attach_types: attachTypes,
      whole_machine: wholeMachine,
    })),
    btf: scope.types,
    useless: scope.useless,
    ...(needed && { unused: delegationText(scope.unused) }),
  };
}

function textOf(scope: TokenScope, columns: number, needed: Delegation | undefined): string {
  const programs = scope.programs.map(({ type, attachTypes, wholeMachine }) => [
    type,
    attachTypes.join(' '),
    wholeMachine ? 'the whole machine' : '',
  ]);
  const heads = [{ head: 'programs' }, { head: 'expected attach types' }, { head: 'sees' }];
  const useless = scope.useless.map(({ option, word, why }) => [`${option}=${word}`, why]);
  const parts = [
    `maps: ${scope.maps.join(' ') || 'none'}`,
    `BTF: ${scope.types ? 'yes' : 'no'}`,
    programs.length > 0 ? formatTable(heads, programs, columns).trimEnd() : 'programs: none',
    ...(useless.length > 0
      ? [formatTable([{ head: 'for nothing' }, { head: 'because' }], useless, columns).trimEnd()]
      : []),
    ...(needed ? [`not needed by the object: ${delegationText(scope.unused) || 'nothing'}`] : []),
  ];
  return `${parts.join('\n\n')}\n`;
}
