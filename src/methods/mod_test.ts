import assert from "node:assert/strict";
import { InputError } from "../core/errors.ts";
import { createMethod, describeOptions, methods, parseMethodSpec } from "./mod.ts";

Deno.test("parseMethodSpec() reads names and options, values as JSON where they are", () => {
  assert.deepEqual(parseMethodSpec("ham"), { name: "ham", options: {} });
  assert.deepEqual(parseMethodSpec("ham:keep=0.5,groupRank=null,balance=false,start=fresh"), {
    name: "ham",
    options: { keep: 0.5, groupRank: null, balance: false, start: "fresh" },
  });
  assert.deepEqual(parseMethodSpec("x:formula=a=b").options, { formula: "a=b" });
  for (const text of ["ham:keep", "ham:=1", "ham:keep=", "ham:keep=1,,tau=0", "ham:keep=1,keep=0.5"]) {
    assert.throws(() => parseMethodSpec(text), InputError, text);
  }
});

Deno.test("createMethod() resolves options from both forms", () => {
  const short = createMethod("taskarith:lambda=0.3");
  assert.deepEqual(short.options, { lambda: 0.3, start: "shared", rankCap: null });
  assert.equal(short.name, "taskarith");
  assert.deepEqual(createMethod({ name: "taskarith", options: { lambda: 0.3 } }).options, short.options);
});

Deno.test("createMethod() names the known methods when it does not know one", () => {
  for (const name of ["hamm", "toString", ""]) {
    assert.throws(() => createMethod(name), (error) => {
      assert.ok(error instanceof InputError);
      for (const known of Object.keys(methods)) assert.ok(error.message.includes(known));
      return true;
    });
  }
});

Deno.test("createMethod() says which option is wrong and what it may be", () => {
  assert.throws(() => createMethod("ham:keep=0"), /Cannot create method ham: found keep 0: .*>0/);
  assert.throws(() => createMethod("ham:maxGroups=2.5"), /found maxGroups 2.5: .*int/);
  assert.throws(() => createMethod("ham:pruneOn=tasks"), /found pruneOn "tasks": .*"task"\|"group"/);
  assert.throws(() => createMethod("naive:rank=3"), /unknown option rank, wanted no options/);
  assert.throws(
    () => createMethod("ewc:lamda=3"),
    /unknown option lamda, wanted one of lambda, gamma, samples/,
  );
});

Deno.test("describeOptions() gives name, default, range and a line for each option", () => {
  const [lambda] = describeOptions(methods.ewc);
  assert.deepEqual(lambda, {
    name: "lambda",
    description: "Strength λ of the quadratic penalty",
    default: 1000,
    allowed: { type: "number", minimum: 0 },
  });
});
