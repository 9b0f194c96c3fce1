{{/* Workers: every device and lane of `workers`, each with all its values. */}}

{{/*
JSON list of the lanes that are on: defaults, overlaid by the device's values, overlaid by the lane's; with
`component`, `lane` (Framelane's name of it), `class` and `family`.
*/}}
{{- define "framelane.workers" -}}
{{- $root := . -}}
{{- $found := list -}}
{{- range $family, $device := .Values.workers -}}
{{- range $class, $lane := $device.lanes -}}
{{- if and $device.enabled $lane.enabled -}}
{{- $all := mergeOverwrite (deepCopy $root.Values.workerDefaults) (deepCopy (omit $device "lanes")) (deepCopy $lane) -}}
{{- $name := $family -}}
{{- if eq $class "long" }}{{ $name = printf "%s.long" $family }}{{ else if eq $class "io" }}{{ $name = "io" }}{{ end -}}
{{- $component := ternary "worker-io" (printf "worker-%s-%s" $family $class) (eq $class "io") -}}
{{- $found = append $found (mergeOverwrite $all (dict "component" $component "lane" $name "class" $class "family" $family)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{/* The build's target of a worker's image. */}}
{{- define "framelane.target" -}}
{{- if .image.target -}}
{{- .image.target -}}
{{- else if hasPrefix "nvidia.com/" .device.resource -}}
gpu-nvidia
{{- else if hasPrefix "gpu.intel.com/" .device.resource -}}
gpu-intel
{{- else if hasPrefix "npu.intel.com/" .device.resource -}}
npu
{{- else -}}
cpu
{{- end -}}
{{- end }}

{{/*
Seconds a pod has to end: drain, then what work needs that is told to stop (a pipeline finishes its files), and 7
for the rest. list of the root and a worker.
*/}}
{{- define "framelane.workerGrace" -}}
{{- $worker := index . 1 -}}
{{- $settings := mergeOverwrite (deepCopy (index . 0).Values.settings) (deepCopy $worker.settings) -}}
{{- $grace := dig "worker" "grace_s" 3 $settings -}}
{{- if eq $worker.class "long" -}}
{{- $grace = maxf $grace (addf (dig "pipelines" "stop_s" 5 $settings) 4) -}}
{{- end -}}
{{- addf $worker.drainSeconds $grace 7 | ceil | int64 -}}
{{- end }}
