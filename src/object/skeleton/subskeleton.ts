import type { ObjectFile } from '../types.ts';
import { fillMaps, fillPrograms, fillTables, fillVariables } from './fill.ts';
import { readModel, type SkeletonModel } from './model.ts';
import { openGuard } from './skeleton.ts';
import { member, memoryPointers, pointers, tableStructs } from './structs.ts';

/**
 * A C header for a library whose object is linked into others: it finds the library's maps,
 * programs and variables in an object that somebody else has loaded. Names and functions as
 * `bpftool gen subskeleton` of Linux 6.12 has them.
 */
export function printSubskeleton(object: ObjectFile, name: string): string {
  const model = readModel(object, name, '');
  const guard = `__${name.toUpperCase()}_SUBSKEL_H__`;
  return `${openGuard(guard)}
${struct(model)}
static inline void ${name}__destroy(struct ${name} *skel)
{
	if (skel && skel->subskel)
		bpf_object__destroy_subskeleton(skel->subskel);
	free(skel);
}

${open(model)}
#ifdef __cplusplus
struct ${name} *${name}::open(const struct bpf_object *src) { return ${name}__open(src); }
void ${name}::destroy(struct ${name} *skel) { ${name}__destroy(skel); }
#endif

#endif /* ${guard} */
`;
}

function struct(model: SkeletonModel): string {
  const { name, maps, programs } = model;
  const idents = maps.map(({ ident }) => ident);
  const members = [
    member(pointers('bpf_map', idents), 'maps'),
    tableStructs(model),
    member(pointers('bpf_program', programs), 'progs'),
    memoryPointers(model),
  ];
  return `struct ${name} {
	struct bpf_object *obj;
	struct bpf_object_subskeleton *subskel;
${members.join('')}
#ifdef __cplusplus
	static inline struct ${name} *open(const struct bpf_object *src);
	static inline void destroy(struct ${name} *skel);
#endif
};
`;
}

function open(model: SkeletonModel): string {
  const { name } = model;
  const lists = [fillVariables(model), fillMaps(model, false), fillPrograms(model, false)].join('');
  return `static inline struct ${name} *${name}__open(const struct bpf_object *src)
{
	struct bpf_map_skeleton *map __attribute__((unused));
	struct ${name} *obj = (struct ${name} *)calloc(1, sizeof(*obj));
	struct bpf_object_subskeleton *s;
	int err = -ENOMEM;

	s = (struct bpf_object_subskeleton *)calloc(1, sizeof(*s));
	if (!obj || !s) {
		free(s);
		goto fail;
	}
	s->sz = sizeof(*s);
	s->obj = src;
	s->var_skel_sz = sizeof(*s->vars);
	obj->subskel = s;
${lists}
	err = bpf_object__open_subskeleton(s);
	if (err)
		goto fail;
${fillTables(model)}	return obj;

${lists ? 'no_memory:\n' : ''}fail:
	${name}__destroy(obj);
	errno = -err;
	return NULL;
}
`;
}
