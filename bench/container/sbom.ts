/**
 * The software bill of materials of the image, as CycloneDX JSON: Debian's packages, Deno, and those npm packages of
 * `deno.lock` that are in its cache. Equal images give equal bytes: there is no time and no serial number.
 *
 * @module
 */
import { ComponentType, HashAlgorithm } from "@cyclonedx/cyclonedx-library/Enums";
import {
  Bom,
  Component,
  ComponentRepository,
  HashDictionary,
  type License,
  LicenseRepository,
  Metadata,
  NamedLicense,
  SpdxLicense,
} from "@cyclonedx/cyclonedx-library/Models";
import { JSON as Formats, JsonSerializer } from "@cyclonedx/cyclonedx-library/Serialize";
import { isSupportedSpdxId } from "@cyclonedx/cyclonedx-library/SPDX";
import { Spec1dot6 } from "@cyclonedx/cyclonedx-library/Spec";
import type { Command } from "commander";
import { z } from "zod";
import project from "../../deno.json" with { type: "json" };
import { InputError, replaceFile, systemReason } from "../../src/core/mod.ts";
import { type CommandSpec, type Output, runMain } from "../cli.ts";

/** What the bill is made from. */
export interface Materials {
  /** Lines of package, version and architecture with tabs between them, as `dpkg-query` prints them. */
  readonly debian: string;
  /** Text of `deno.lock`. */
  readonly lock: string;
  /** Version of Deno, and the SHA-256 of its binary in hexadecimal digits. */
  readonly deno: { readonly version: string; readonly sha256: string };
  /** The `package.json` of an npm package in the image; `undefined` of one that is not there. */
  readonly manifest: (name: string, version: string) => Promise<string | undefined>;
}

const lockSchema = z.object({
  npm: z.record(z.string(), z.object({ integrity: z.string().regex(/^sha512-[A-Za-z0-9+/]+=*$/) })),
});

const manifestSchema = z.object({ license: z.string().min(1).optional().catch(undefined) });

/**
 * The bill as text.
 *
 * @throws {InputError} If a line or the lock file is not of the form wanted
 */
export async function billOf({ debian, lock, deno, manifest }: Materials): Promise<string> {
  const components = [...debianComponents(debian), denoComponent(deno)];
  for (const [name, version, integrity] of npmPackages(lock)) {
    const text = await manifest(name, version);
    if (text !== undefined) components.push(npmComponent(name, version, integrity, text));
  }
  const bom = new Bom({
    metadata: new Metadata({
      component: new Component(ComponentType.Application, "ham-bench", {
        bomRef: "ham-bench",
        version: project.version,
        licenses: new LicenseRepository([licenseOf(project.license)]),
      }),
    }),
    components: new ComponentRepository(components),
  });
  const serializer = new JsonSerializer(new Formats.Normalize.Factory(Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 1 })}\n`;
}

function component(
  type: ComponentType,
  name: string,
  version: string,
  purl: string,
  parts: { readonly hashes?: HashDictionary; readonly licenses?: LicenseRepository } = {},
): Component {
  return new Component(type, name, { bomRef: purl, version, purl, ...parts });
}

function debianComponents(text: string): Component[] {
  return text.split("\n").filter((line) => line !== "").map((line, i) => {
    const [name, version, architecture, ...rest] = line.split("\t");
    if (!name || !version || !architecture || rest.length > 0) {
      throw new InputError(
        `Cannot read Debian's packages, line ${
          i + 1
        }: wanted name, version and architecture with tabs between them`,
      );
    }
    const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}`;
    return component(ComponentType.Library, name, version, `${purl}?arch=${architecture}`);
  });
}

function denoComponent({ version, sha256 }: Materials["deno"]): Component {
  const hashes = new HashDictionary([[HashAlgorithm["SHA-256"], sha256]]);
  return component(ComponentType.Application, "deno", version, `pkg:github/denoland/deno@v${version}`, {
    hashes,
    licenses: new LicenseRepository([licenseOf("MIT")]),
  });
}

/** Name, version and SHA-512 of the packages of a lock file, each once whatever its peers are. */
function npmPackages(text: string): (readonly [name: string, version: string, integrity: string])[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InputError("Cannot read the lock file: found no JSON");
  }
  const { success, data } = lockSchema.safeParse(value);
  if (!success) throw new InputError("Cannot read the lock file: wanted npm packages with sha512 sums");
  const packages = Object.entries(data.npm).map(([key, { integrity }]) => {
    const match = /^(@?[^@]+)@([^_]+)/.exec(key);
    if (!match) throw new InputError(`Cannot read the lock file: found package ${key}, wanted name@version`);
    return [match[1]!, match[2]!, integrity] as const;
  });
  return [...new Map(packages.map((found) => [`${found[0]}@${found[1]}`, found])).values()];
}

function npmComponent(name: string, version: string, integrity: string, manifest: string): Component {
  const digest = Uint8Array.from(atob(integrity.slice("sha512-".length)), (byte) => byte.charCodeAt(0));
  const { license } = manifestSchema.parse(JSON.parse(manifest));
  const purl = `pkg:npm/${name.split("/").map(encodeURIComponent).join("/")}@${encodeURIComponent(version)}`;
  return component(ComponentType.Library, name, version, purl, {
    hashes: new HashDictionary([[HashAlgorithm["SHA-512"], digest.toHex()]]),
    ...(license !== undefined && { licenses: new LicenseRepository([licenseOf(license)]) }),
  });
}

function licenseOf(text: string): License {
  return isSupportedSpdxId(text) ? new SpdxLicense(text) : new NamedLicense(text);
}

interface Options {
  readonly debian: string;
  readonly out: string;
  readonly cache: string;
  readonly deno: string;
}

function configure(command: Command): void {
  command
    .requiredOption("--debian <file>", "what dpkg-query printed: package, version and architecture a line")
    .requiredOption("--cache <dir>", "Deno's cache of npm packages")
    .requiredOption("--deno <sha256>", "checksum of Deno's binary")
    .requiredOption("--out <file>", "where the bill goes");
}

/** An npm package's manifest in Deno's cache, whichever registry it came from. */
function manifestIn(cache: string): Materials["manifest"] {
  const registries = [...Deno.readDirSync(cache)].filter(({ isDirectory }) => isDirectory);
  return async (name, version) => {
    for (const registry of registries) {
      try {
        return await Deno.readTextFile(`${cache}/${registry.name}/${name}/${version}/package.json`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    return undefined;
  };
}

async function run(_: readonly string[], options: Options, output: Output): Promise<number> {
  const { debian, cache, deno, out } = options;
  const bill = await billOf({
    debian: await Deno.readTextFile(debian),
    lock: await Deno.readTextFile(new URL("../../deno.lock", import.meta.url)),
    deno: { version: Deno.version.deno, sha256: deno },
    manifest: manifestIn(cache),
  }).catch((error) => {
    throw error instanceof Deno.errors.NotFound
      ? new InputError(`Cannot make the bill: ${systemReason(error)}`)
      : error;
  });
  await replaceFile(out, bill);
  output.out(`${(JSON.parse(bill) as { components: unknown[] }).components.length} components in ${out}\n`);
  return 0;
}

/** The command. */
export const sbom: CommandSpec<Options> = {
  name: "sbom",
  description: "Writes the software bill of materials of the image (CycloneDX 1.6).",
  configure,
  run,
};

if (import.meta.main) await runMain(sbom);
