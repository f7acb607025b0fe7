# What of kubernetes.json is wrong, a line each: against the API's schema (fields, their types, and
# which there have to be), and where names lead to nothing.
#
#   jq -r --slurpfile schema kubernetes-schema.json -f kubernetes.jq kubernetes.json
def fits($form; $where):
  . as $v |
  if $form | startswith("[]") then
    if type == "array" then .[] | fits($form[2:]; $where) else "\($where): not a list" end
  elif $form | startswith("{}") then
    if type == "object" then
      to_entries[] | .key as $k | .value | fits($form[2:]; "\($where).\($k)")
    else "\($where): not an object" end
  elif $form == "scalar" then
    if type == "string" or type == "number" then empty else "\($where): not a string or number" end
  elif $form == "string" or $form == "number" or $form == "boolean" then
    if type == $form then empty else "\($where): not a \($form)" end
  elif $schema[0].types[$form] == null then "\($where): the schema here does not have \($form)"
  elif type != "object" then "\($where): not an object"
  else
    ($schema[0].required[$form] // [] | .[] as $k | select($v | has($k) | not) |
     "\($where): no \($k)"),
    (to_entries[] | .key as $k | $schema[0].types[$form][$k] as $t |
     if $t then .value | fits($t; "\($where).\($k)")
     else "\($where): there is no field \($k)" end)
  end;
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

(.items[] | .kind as $kind | fits($kind; $kind)),
want("List"; .kind == "List" and .apiVersion == "v1"),
([.items[] | select(.kind == "PersistentVolumeClaim").metadata.name] as $claims |
 (.items[] | select(.kind == "Deployment").spec.template) as $t |
 .items[] | kind($claims; $t.metadata.labels; [$t.spec.containers[].ports[].name]))
