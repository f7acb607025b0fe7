# What of kubernetes.json is wrong, a line each: what the API's schema requires of each kind, and
# that names lead to what has them. `jq -r -f kubernetes.jq kubernetes.json`
def want(where; cond): if cond then empty else where end;
def is_name: type == "string" and test("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$");

def container($volumes):
  want("container: name"; .name | is_name),
  want("container: image"; .image | type == "string"),
  (.args[] | want("container: args are strings"; type == "string")),
  (.ports[] | want("container: containerPort"; .containerPort | type == "number")),
  want("container: probe"; .readinessProbe.exec.command | type == "array"),
  (.volumeMounts[] | want("container: mountPath"; .mountPath | startswith("/"))),
  (.volumeMounts[] | .name as $n | want("container: no volume " + $n; $volumes | index($n)));

def kind($claims; $labels; $ports):
  want("no apiVersion"; .apiVersion | type == "string"),
  want("metadata.name"; .metadata.name | is_name),
  if .kind == "Deployment" then
    want("Deployment: apiVersion"; .apiVersion == "apps/v1"),
    want("Deployment: selector is not the template's";
         .spec.selector.matchLabels == .spec.template.metadata.labels),
    (.spec.template.spec.volumes[] | .persistentVolumeClaim.claimName? // empty
      | . as $c | want("Deployment: no claim " + $c; $claims | index($c))),
    ([.spec.template.spec.volumes[].name] as $v | .spec.template.spec.containers[] | container($v))
  elif .kind == "PersistentVolumeClaim" then
    want("claim: accessModes"; .spec.accessModes | type == "array" and length > 0),
    want("claim: storage"; .spec.resources.requests.storage | test("^[0-9]+[KMGT]i$"))
  elif .kind == "Service" then
    want("Service: selector"; .spec.selector == $labels),
    (.spec.ports[] | want("Service: port"; .port | type == "number"),
                     (.targetPort as $p | want("Service: no port " + $p; $ports | index($p))))
  else "unknown kind \(.kind)" end;

want("List"; .kind == "List" and .apiVersion == "v1"),
([.items[] | select(.kind == "PersistentVolumeClaim").metadata.name] as $claims |
 (.items[] | select(.kind == "Deployment").spec.template) as $t |
 .items[] | kind($claims; $t.metadata.labels; [$t.spec.containers[].ports[].name]))
