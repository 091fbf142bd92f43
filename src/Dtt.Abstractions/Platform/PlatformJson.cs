using System.Text.Json.Serialization;
using Dtt.Abstractions.Ranks;
using Dtt.Abstractions.Runs;

namespace Dtt.Abstractions.Platform;

/// <summary>The JSON of what crosses the wire between clients, grains and agents, and of <c>silo.json</c>.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true,
    AllowOutOfOrderMetadataProperties = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(NewRun))]
[JsonSerializable(typeof(NewRunReply))]
[JsonSerializable(typeof(RunView))]
[JsonSerializable(typeof(RunNews))]
[JsonSerializable(typeof(RankMessage))]
[JsonSerializable(typeof(NodeRef))]
[JsonSerializable(typeof(AttemptEnd))]
[JsonSerializable(typeof(Standing))]
[JsonSerializable(typeof(QueueRow))]
[JsonSerializable(typeof(LogChunk))]
[JsonSerializable(typeof(SampleOrder))]
[JsonSerializable(typeof(CommitReply))]
[JsonSerializable(typeof(DatasetJob))]
[JsonSerializable(typeof(DatasetProgress))]
[JsonSerializable(typeof(ShardRow))]
[JsonSerializable(typeof(PieceResult))]
[JsonSerializable(typeof(WorkDone))]
[JsonSerializable(typeof(WorkOffer))]
[JsonSerializable(typeof(ExperimentView))]
[JsonSerializable(typeof(SiloReport))]
[JsonSerializable(typeof(SiloAnnouncement))]
public sealed partial class PlatformJson : JsonSerializerContext;
