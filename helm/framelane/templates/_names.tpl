{{/* Names and labels. */}}

{{- define "framelane.fullname" -}}
{{- $own := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $own) (contains $own .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* What a selector asks for: list of the root and a component. */}}
{{- define "framelane.selector" -}}
app.kubernetes.io/name: {{ default (index . 0).Chart.Name (index . 0).Values.nameOverride }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "framelane.labels" -}}
{{ include "framelane.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/part-of: framelane
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "framelane.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "framelane.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{/* list of the root, an image (repository, tag, digest) and the tag it has without one. */}}
{{- define "framelane.image" -}}
{{- $image := index . 1 -}}
{{- with (index . 0).Values.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default (index . 2) $image.tag }}{{ end -}}
{{- end }}

{{- define "framelane.generatedSecret" -}}
{{ include "framelane.fullname" . }}-generated
{{- end }}
