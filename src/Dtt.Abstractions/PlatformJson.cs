using System.Text.Json.Serialization;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Abstractions;

/// <summary>The JSON of what crosses the wire between clients, grains and agents.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true,
    AllowOutOfOrderMetadataProperties = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(RunRequest))]
[JsonSerializable(typeof(NewRunReply))]
[JsonSerializable(typeof(AdoptReply))]
[JsonSerializable(typeof(RunView))]
[JsonSerializable(typeof(RunNews))]
[JsonSerializable(typeof(Goodput))]
[JsonSerializable(typeof(RankMessage))]
[JsonSerializable(typeof(NodeRef))]
[JsonSerializable(typeof(Placement[]))]
[JsonSerializable(typeof(StalledPart))]
[JsonSerializable(typeof(DeviceRequest))]
[JsonSerializable(typeof(AttemptEnd))]
[JsonSerializable(typeof(Standing))]
[JsonSerializable(typeof(QueueRow))]
[JsonSerializable(typeof(LogChunk))]
[JsonSerializable(typeof(JobRequest))]
[JsonSerializable(typeof(CheckpointSource))]
[JsonSerializable(typeof(CommitReply))]
[JsonSerializable(typeof(DatasetJob))]
[JsonSerializable(typeof(DatasetProgress))]
[JsonSerializable(typeof(ShardRow))]
[JsonSerializable(typeof(PieceResult))]
[JsonSerializable(typeof(WorkDone))]
[JsonSerializable(typeof(WorkOffer))]
[JsonSerializable(typeof(Underway))]
[JsonSerializable(typeof(ExperimentView))]
[JsonSerializable(typeof(SiloReport))]
[JsonSerializable(typeof(NodeRow))]
[JsonSerializable(typeof(NodeExam))]
public sealed partial class PlatformJson : JsonSerializerContext;
