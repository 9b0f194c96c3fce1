{{/* Parts of NetworkPolicies. Each takes the root. */}}

{{- define "framelane.toNames" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}

{{- define "framelane.toRedis" -}}
{{- if .Values.valkey.enabled }}
- to:
    - podSelector:
        matchLabels: {{ include "framelane.selector" (list . "valkey") | nindent 10 }}
  ports:
    - {port: 6379}
{{- else }}
- to: {{ toYaml .Values.networkPolicy.storesTo | nindent 4 }}
  ports:
    - {port: {{ int .Values.redis.port }}}
{{- end }}
{{- end }}

{{- define "framelane.toS3" -}}
{{- if .Values.seaweedfs.enabled }}
- to:
    - podSelector:
        matchLabels: {{ include "framelane.selector" (list . "s3") | nindent 10 }}
  ports:
    - {port: 8333}
{{- else }}
{{- $port := regexFind ":[0-9]+$" .Values.s3.endpoint | trimPrefix ":" | default (ternary "443" "80" .Values.s3.tls) }}
- to: {{ toYaml .Values.networkPolicy.storesTo | nindent 4 }}
  ports:
    - {port: {{ int $port }}}
{{- end }}
{{- end }}

{{- define "framelane.fromGatewaysAndWorkers" -}}
- podSelector:
    matchLabels: {{ include "framelane.selector" (list . "gateway") | nindent 6 }}
- podSelector:
    matchLabels:
      app.kubernetes.io/instance: {{ .Release.Name }}
      framelane/part: worker
{{- end }}

{{/* list of the root, the policy's name and what its pods are selected by. */}}
{{- define "framelane.wall" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "framelane.fullname" (index . 0) }}-{{ index . 1 }}
  labels: {{ include "framelane.labels" (list (index . 0) (index . 1)) | nindent 4 }}
{{- end }}
