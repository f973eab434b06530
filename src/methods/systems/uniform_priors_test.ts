import { gradients } from "../../graph/autodiff.ts";
import { assertNear, evaluate, numbers, tensorOf } from "./test_numbers.ts";
import { uniformity } from "./uniform_priors.ts";

Deno.test("uniform-priors' loss and its gradient are PyTorch's, without rows of weight 0", async () => {
  const { x, loss, gradient } = numbers.uniformity;
  const inputs = { x: tensorOf([4, 3], x), weights: tensorOf([4], [1, 1, 1, 0]) };
  const found = await evaluate(inputs, ({ x, weights }) => {
    const value = uniformity(x!, weights!, 2);
    return { value, slope: gradients(value, [x!])[0]! };
  });
  assertNear(found["value"]!, [loss]);
  assertNear(found["slope"]!, gradient);
});

Deno.test("uniform-priors asks nothing of a lone image", async () => {
  const inputs = { x: tensorOf([2, 2], [1, 2, 3, 4]), weights: tensorOf([2], [1, 0]) };
  const found = await evaluate(inputs, ({ x, weights }) => {
    const value = uniformity(x!, weights!, 2);
    return { value, slope: gradients(value, [x!])[0]! };
  });
  assertNear([...found["value"]!, ...found["slope"]!], [0, 0, 0, 0, 0]);
});
