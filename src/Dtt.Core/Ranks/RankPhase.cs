namespace Dtt.Core.Ranks;

/// <summary>What a rank is doing: each phase has its own deadline.</summary>
public enum RankPhase
{
    /// <summary>Loading torch, data and weights.</summary>
    Init,

    /// <summary>Training steps.</summary>
    Train,

    /// <summary>Validating and sampling.</summary>
    Evaluate,

    /// <summary>Writing a checkpoint and waiting for its commit.</summary>
    Save,
}
