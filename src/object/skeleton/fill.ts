/** C that tells libbpf where the parts of a skeleton are. */
import type { SkeletonModel } from './model.ts';
import { asIdentifier } from './names.ts';

/** Allocates `list` of `count` entries; `size` are the bytes of one, as C. */
const allocate = (list: string, type: string, count: string, size: string): string =>
  `\ts->${list} = (struct ${type} *)calloc(${count}, ${size});
	if (!s->${list})
		goto no_memory;
`;

/**
 * The list of maps. libbpf before 1.5 does not know the last field of an entry, which only tables
 * of struct_ops need: without them the entries are said to end before it.
 */
export function fillMaps({ maps }: SkeletonModel, whole: boolean): string {
  if (maps.length === 0) return '';
  const hasLinks = whole && maps.some(({ structOps }) => structOps !== 0);
  const size = hasLinks
    ? 'sizeof(*s->maps)'
    : 'offsetof(struct bpf_map_skeleton, mmaped) + sizeof(void **)';
  const lines = maps.map(({ ident, name, memory, structOps }, i) => {
    const entry = [
      `\tmap = (struct bpf_map_skeleton *)((char *)s->maps + ${i} * s->map_skel_sz);\n`,
      `\tmap->name = "${name}";\n\tmap->map = &obj->maps.${ident};\n`,
      whole && memory !== undefined ? `\tmap->mmaped = (void **)&obj->${memory};\n` : '',
      whole && structOps !== 0 ? `\tmap->link = &obj->links.${ident};\n` : '',
    ];
    return entry.join('');
  });
  return `
	s->map_cnt = ${maps.length};
	s->map_skel_sz = ${size};
${allocate('maps', 'bpf_map_skeleton', 's->map_cnt', 'sizeof(*s->maps)')}
${lines.join('\n')}`;
}

/** The list of programs. */
export function fillPrograms({ programs }: SkeletonModel, whole: boolean): string {
  if (programs.length === 0) return '';
  const lines = programs.map((name, i) => {
    const link = whole ? `\ts->progs[${i}].link = &obj->links.${name};\n` : '';
    const entry = `s->progs[${i}]`;
    return `\t${entry}.name = "${name}";\n\t${entry}.prog = &obj->progs.${name};\n${link}`;
  });
  return `
	s->prog_cnt = ${programs.length};
	s->prog_skel_sz = sizeof(*s->progs);
${allocate('progs', 'bpf_prog_skeleton', 's->prog_cnt', 's->prog_skel_sz')}
${lines.join('\n')}`;
}

/** The list of variables, for subskeletons. */
export function fillVariables({ maps }: SkeletonModel): string {
  const found = maps.flatMap(({ ident, memory, section }) =>
    memory === undefined || !section
      ? []
      : section.variables
          .filter(({ visible }) => visible)
          .map(({ name }) => ({ name, ident, memory })),
  );
  if (found.length === 0) return '';
  const lines = found.map(
    ({ name, ident, memory }, i) =>
      `\ts->vars[${i}].name = "${name}";\n\ts->vars[${i}].map = &obj->maps.${ident};\n` +
      `\ts->vars[${i}].addr = (void **)&obj->${memory}.${asIdentifier(name)};\n`,
  );
  return `
	s->var_cnt = ${found.length};
${allocate('vars', 'bpf_var_skeleton', 's->var_cnt', 'sizeof(*s->vars)')}
${lines.join('\n')}`;
}

/** Where the tables of struct_ops can be changed. */
export function fillTables({ maps }: SkeletonModel): string {
  return maps
    .filter(({ structOps }) => structOps !== 0)
    .map(({ ident }) => {
      const table = `obj->struct_ops.${ident}`;
      const value = `bpf_map__initial_value(obj->maps.${ident}, NULL)`;
      return `\t${table} = (__typeof__(${table}))${value};\n`;
    })
    .join('');
}
