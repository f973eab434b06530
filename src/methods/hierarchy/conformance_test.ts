/** What every method owes the suite, for the methods of this folder. */
import { checkConformance } from "../test_conformance.ts";
import { hierarchyMethods } from "./mod.ts";

checkConformance([...Object.keys(hierarchyMethods), "ham", "concat-pruned"], [
  "concat-pruned:weighting=sum,pruneSpace=delta,rankCap=6",
  "ham:training=stack,groupMerge=concat,groupGain=learned,start=fresh",
  "ham:start=nearest,groupMerge=concat,groupGain=one,maxGroups=2,groupRank=3",
  "ham:start=nearest,pruneSpace=delta,tau=-1",
  "ham:pruneOn=group,balance=false,importance=fixed,groupRank=null,maxGroups=3",
  "ham:similarity=cosine,tau=0.1,groupRank=5",
  "ham:similarity=subspace,groupRank=3",
  "ham:similarity=cka,maxGroups=3",
  "ham:similarity=cka-features,tau=0.9,groupMerge=concat",
  "ham:similarity=features,maxGroups=20",
  "ham:similarity=random",
  "ham-plus:adapt=false,feature=backbone",
  "ham-plus:start=group,maxGroups=2,groupRank=2,lambda=0",
  "kmerge:merge=delta,rank=4,places=2,final=members",
  "share:deploy=mean,centre=drop,gain=drop,components=4",
  "moses:experts=2,active=1,keep=0.6",
]);
