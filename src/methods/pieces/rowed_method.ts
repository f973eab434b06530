/**
 * Methods of the common shape whose losses ask what the model answers for earlier classes: beside a policy whose rows
 * do not say it (a ridge, Gaussians), linear rows are trained for that from task to task.
 *
 * @module
 */
import type { Classifier } from "../../classifiers/classifier.ts";
import type { StateValue } from "../../core/state.ts";
import { type AdapterMethod, adapterMethod, type AdapterParts } from "../adapter_method.ts";
import type { Kit } from "../method.ts";
import { trainingRows, withoutTrainingRows, withTrainingRows } from "./training_rows.ts";

const answering = (policy: Classifier) => policy.rowsAnswer ? policy : withTrainingRows(policy);

/** A method of such hooks, whose classifier has rows that answer for earlier classes. */
export function rowedMethod<Own extends StateValue>(
  parts: AdapterParts<Own>,
): AdapterMethod<Own> {
  const hooks = { ...parts, ...(parts.classifier && { classifier: answering(parts.classifier) }) };
  const plain = adapterMethod(hooks);
  const rowed = (kit: Kit): Kit => ({ ...kit, classifier: answering(kit.classifier) });
  return {
    ...plain,
    parts,
    init: (kit) => plain.init(rowed(kit)),
    learn: (state, task, kit) => plain.learn(state, task, rowed(kit)),
    deploy: (state, kit) => plain.deploy(state, rowed(kit)),
    classifierOf(state, kit) {
      const { classifier, rest } = plain.classifierOf!(state, rowed(kit))!;
      return {
        classifier: withoutTrainingRows(classifier),
        policy: parts.classifier ?? kit.classifier,
        rest: { own: rest, rows: trainingRows(classifier) },
      };
    },
  };
}
