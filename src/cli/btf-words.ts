/** Words of `btf show`, and what it says: bpftool's way (show_btf_json). */
import { usageError } from './exit.ts';
import type { Output } from './machine-file.ts';

interface ShownBtf {
  readonly id: number;
  readonly size: number;
  readonly prog_ids: readonly number[];
  readonly map_ids: readonly number[];
  /** Of the kernel or a module. */
  readonly kernel: boolean;
  readonly name?: string;
}

/** `[id N]` */
export function btfId([way, id]: readonly string[]): number | undefined {
  if (way === undefined) return undefined;
  if (way !== 'id' || !id) throw usageError("'id N' is expected");
  return Number(id);
}

export function btfOutput(found: readonly ShownBtf[]): Output {
  const lines = found.map((one) => {
    const ids = (word: string, list: readonly number[]) =>
      list.length === 0 ? '' : `  ${word} ${list.join(',')}`;
    const name = one.name === undefined ? '<anon>' : `[${one.name}]`;
    const users = ids('prog_ids', one.prog_ids) + ids('map_ids', one.map_ids);
    return `${one.id}: name ${name}  size ${one.size}B${users}\n`;
  });
  return { json: found, text: lines.join('') };
}
