using System.Text.Json.Serialization;
using Dtt.Data.Datasets;
using Dtt.Data.Hub;
using Dtt.Data.Reports;
using Dtt.Data.Tokens;

namespace Dtt.Data;

/// <summary>The JSON of data files: snake_case, on many lines.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true, WriteIndented = true)]
[JsonSerializable(typeof(RawManifest))]
[JsonSerializable(typeof(TokenIndex))]
[JsonSerializable(typeof(EncodedPiece))]
[JsonSerializable(typeof(TokenSource))]
[JsonSerializable(typeof(DocumentStatistics))]
[JsonSerializable(typeof(TokenReport))]
[JsonSerializable(typeof(HubPlan))]
[JsonSerializable(typeof(HubAccess))]
internal sealed partial class DataJson : JsonSerializerContext;
