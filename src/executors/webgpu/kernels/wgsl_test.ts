import assert from "node:assert/strict";

/** Reserved by the WGSL specification (section "Reserved Words"). Deno's compiler lets some pass, browsers do not. */
const RESERVED = new Set(
  (`NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become cast catch class
  co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast consteval
  constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit export
  extends extern external fallthrough filter final finally friend from fxgroup get goto groupshared highp impl
  implements import inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move mut
  mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent noperspective null nullptr of
  operator package packoffset partial pass patch pixelfragment precise precision premerge priv protected pub public
  readonly ref regardless register reinterpret_cast require resource restrict self set shared sizeof smooth snorm
  static static_assert static_cast std subroutine super target template this thread_local throw trait try type typedef
  typeid typename typeof union unless unorm unsafe unsized use using varying virtual volatile wgsl where with
  writeonly yield`).split(/\s+/),
);

/** The largest finite f32: a larger number is an error in WGSL, which Deno's compiler lets pass. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

function* wgslFiles(folder: URL): Generator<URL> {
  for (const entry of Deno.readDirSync(folder)) {
    if (entry.isDirectory) yield* wgslFiles(new URL(`${entry.name}/`, folder));
    else if (entry.name.endsWith(".wgsl")) yield new URL(entry.name, folder);
  }
}

for (const file of wgslFiles(new URL("./", import.meta.url))) {
  const name = file.pathname.split("/").slice(-2).join("/");

  Deno.test(`${name} writes no number that is no f32`, () => {
    const code = Deno.readTextFileSync(file).replaceAll(/\/\/.*/g, "");
    const numbers = code.match(/(?<![\w.])(\d+\.\d*|\d*\.\d+|\d+(?=e))(e[+-]?\d+)?/g) ?? [];
    assert.deepEqual(numbers.filter((text) => !(Number(text) <= LARGEST)), []);
  });

  Deno.test(`${name} opens with what it computes and uses no reserved word`, () => {
    const source = Deno.readTextFileSync(file);
    assert.match(source, /^\/\/ \S/);
    const words = source.replaceAll(/\/\/.*/g, "").match(/[A-Za-z_]\w*/g) ?? [];
    assert.deepEqual(words.filter((word) => RESERVED.has(word)), []);
  });
}
