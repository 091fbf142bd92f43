namespace Dtt.Core.Alerts;

/// <summary>What a run can raise an alert for.</summary>
public enum AlertKind
{
    /// <summary>It cannot go on.</summary>
    Failed,

    /// <summary>An attempt died, and the next one trains.</summary>
    Recovered,

    /// <summary>An attempt hung and was ended.</summary>
    Hung,

    /// <summary>All steps are done.</summary>
    Completed,

    /// <summary>It waits for devices for long.</summary>
    Waiting,
}
