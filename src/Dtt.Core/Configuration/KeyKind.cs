namespace Dtt.Core.Configuration;

/// <summary>The type of a configuration value.</summary>
public enum KeyKind
{
    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>A number; <c>1e-4</c> is one.</summary>
    Number,

    /// <summary><c>true</c> or <c>false</c> (also yes/no, on/off, in any case, as in YAML 1.1).</summary>
    Boolean,

    /// <summary>A text.</summary>
    Text,

    /// <summary>A file or folder (<see cref="UserPath"/>); its value is absolute.</summary>
    Path,

    /// <summary>A list of numbers, such as <c>[0.9, 0.95]</c>.</summary>
    Numbers,

    /// <summary>A list of texts, such as <c>[a, "b c"]</c>.</summary>
    Texts,

    /// <summary>A list of datasets and how much of each is drawn (<see cref="DatasetShare"/>).</summary>
    Datasets,

    /// <summary>A list of stages (<see cref="MixtureStage"/>).</summary>
    Stages,
}
