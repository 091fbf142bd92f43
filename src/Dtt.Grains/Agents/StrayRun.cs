using Dtt.Core.Runs;

namespace Dtt.Grains.Agents;

/// <summary>A run that was trained outside of the platform, as it lies in its folder.</summary>
/// <param name="Record">Its state.</param>
/// <param name="ConfigYaml">Its configuration.</param>
/// <param name="Keep">Newest checkpoints that retention keeps.</param>
/// <param name="Experiment">The name before it was numbered.</param>
/// <param name="Events">Events that were noted with it; as many are in the table already.</param>
public sealed record StrayRun(RunRecord Record, string ConfigYaml, int Keep, string Experiment, long Events);
