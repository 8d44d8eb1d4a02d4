import { Decision, Json, JsonWriter, Merge, Request, register } from "polynic/module";

export { abi, alloc, call, fault } from "polynic/module";

/**
 * The default network's result, or the first one's where none is the default. Of its default routes the first of each
 * family stays: the host refuses a second.
 */
class Mine extends Merge {
  merge(request: Request): Decision {
    const decision = new Decision();
    const inputs = request.inputs;
    let chosen = 0;
    for (let i = 0; i < inputs.length; i++) {
      if (inputs[i].get("default").boolean()) chosen = i;
    }
    const result = inputs[chosen].get("result");
    const answer = decision.result.raw('{"cniVersion":"1.1.0","interfaces":').json(result.get("interfaces"));
    answer.raw(',"ips":').json(result.get("ips")).raw(',"routes":[');
    putRoutes(answer, result.get("routes").children());
    answer.raw('],"dns":').json(result.get("dns")).raw("}");
    return decision;
  }
}

function putRoutes(answer: JsonWriter, routes: Array<Json>): void {
  let count = 0, default4 = false, default6 = false;
  for (let i = 0; i < routes.length; i++) {
    const dst = routes[i].get("dst").text();
    if (dst == "0.0.0.0/0" && default4 || dst == "::/0" && default6) continue;
    if (dst == "0.0.0.0/0") default4 = true;
    if (dst == "::/0") default6 = true;
    if (count++ > 0) answer.raw(",");
    answer.json(routes[i]);
  }
}

register(new Mine());
