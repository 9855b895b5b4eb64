import { loadKernelProfile } from '../abi/index.ts';
import { delegationText } from '../security/index.ts';
import { bitWords, explainToken, type TokenExplanation } from '../tools/token/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import { readObject } from './files.ts';
import type { CliIo } from './io.ts';
import { formatTable } from './table.ts';
import { toJson } from './values.ts';

const COLUMNS = ['part', 'type', 'delegates', 'capabilities'].map((head) => ({ head }));

/** `token explain OBJ`: ends with 1 if a part of it is beyond every token. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const object = readObject(call.operands[0]!, io);
  const found = explainToken(object, await loadKernelProfile());
  if (call.json) io.out(`${toJson(jsonOf(found), call.flag('pretty'))}\n`);
  else io.out(textOf(found, io.columns));
  return found.needs.some(({ impossible }) => impossible) ? EXIT.finding : EXIT.ok;
}

function jsonOf(found: TokenExplanation) {
  return {
    options: delegationText(found.delegation),
    capabilities: found.capabilities,
    to_attach: found.toAttach,
    types_optional: found.typesOptional,
    libbpf: { options: delegationText(found.libbpf.delegation), why: found.libbpf.why },
    needs: found.needs.map((need) => ({
      kind: need.kind,
      name: need.name,
      type: need.type,
      delegate: Object.fromEntries(bitWords(need).map(({ option, word }) => [option, word])),
      capabilities: need.capabilities,
      to_attach: need.toAttach,
      ...(need.why !== undefined && { why: need.why }),
      ...(need.impossible !== undefined && { impossible: need.impossible }),
    })),
  };
}

function textOf(found: TokenExplanation, columns: number): string {
  const { needs, capabilities, toAttach, libbpf } = found;
  const rows = needs.map((need) => [
    `${need.kind} ${need.name}`.trim(),
    need.type,
    need.impossible
      ? '-'
      : bitWords(need)
          .map(({ word }) => word)
          .join(' '),
    need.impossible ? '-' : need.capabilities.join(' ').replaceAll('CAP_', ''),
  ]);
  const own = delegationText(found.delegation);
  const lines = [
    formatTable(COLUMNS, rows, columns).trimEnd(),
    '',
    `mount options:  ${own || '(none)'}`,
    `capabilities:   ${capabilities.join(' ')} (in the user namespace)`,
    ...(toAttach.length > 0 ? [`to attach:      ${toAttach.join(' ')}`] : []),
    ...needs.flatMap(({ kind, name, why }) => (why ? [`note: ${kind} ${name}: ${why}`] : [])),
    ...needs.flatMap(({ kind, name, impossible }) =>
      impossible ? [`no token is enough for ${kind} ${name}: ${impossible}`] : [],
    ),
    ...(found.typesOptional
      ? ['note: it loads without its types; with btf_load in delegate_cmds they are kept']
      : []),
    ...libbpf.why.map((why) => `libbpf: ${why}`),
    ...(libbpf.why.length > 0 ? [`with libbpf:    ${delegationText(libbpf.delegation)}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}
